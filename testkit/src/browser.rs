//! A real browser: Chromium, driven by `WebDriver` (<https://www.w3.org/TR/webdriver2/>), which is JSON over HTTP.

use std::process::Command;

use serde_json::{Value, json};

use crate::wait::WAIT_TIMEOUT;
use crate::{HttpClient, Process};

/// A window of a browser of its own. Both end with this value.
#[derive(Debug)]
pub struct Browser {
    client: HttpClient,
    session: String,
    /// Ends behind the session, which ends the browser.
    _driver: Process,
}

impl Browser {
    /// Starts it without a screen, on a port of the system's choice.
    #[must_use]
    pub fn start() -> Self {
        let mut driver = Process::start(Command::new("chromedriver").arg("--port=0"));
        let port = loop {
            let line = driver.next_line();
            assert!(!line.is_empty(), "chromedriver says where it listens");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let client = HttpClient::new(format!("http://127.0.0.1:{port}"), WAIT_TIMEOUT);
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--window-size=1280,1000",
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let response = client.call("POST", "/session", Some(&wanted));
        let response = response.expect("chromedriver answers");
        let session = response.body["value"]["sessionId"].as_str();
        let session = session.unwrap_or_else(|| panic!("no browser: {}", response.text));
        Self {
            session: session.to_owned(),
            client,
            _driver: driver,
        }
    }

    /// Goes to a page.
    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    /// Runs a function's body in the page, and returns what it returns.
    #[must_use]
    pub fn run(&self, script: &str) -> Value {
        let script = json!({ "script": script, "args": [] });
        self.ask("POST", "/execute/sync", &script)
    }

    /// The text of a dialogue that the page shows, which is accepted; nothing where there is none.
    #[must_use]
    pub fn accept_dialogue(&self) -> Option<String> {
        let text = self.call("GET", "/alert/text", None);
        let text = text["value"].as_str()?.to_owned();
        self.ask("POST", "/alert/accept", &json!({}));
        Some(text)
    }

    /// What the browser has complained of since it was last asked.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.ask("POST", "/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    fn ask(&self, method: &str, command: &str, body: &Value) -> Value {
        let mut answer = self.call(method, command, Some(body));
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{command} {body}: {value}");
        value
    }

    fn call(&self, method: &str, command: &str, body: Option<&Value>) -> Value {
        let path = format!("/session/{}{command}", self.session);
        let response = self.client.call(method, &path, body);
        response.expect("chromedriver answers").body
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let path = format!("/session/{}", self.session);
        let _ = self.client.call("DELETE", &path, None);
    }
}
