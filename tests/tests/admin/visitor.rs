//! Somebody who looks at the page of an application.

use cache_testkit::Response;
use cache_testkit::app::App;
use serde_json::{Value, json};

pub(crate) const PATH: &str = "/admin/cache";

pub(crate) const PASSWORD: &str = "open sesame";

/// `admin:open sesame`.
pub(crate) const AUTHORIZATION: (&str, &str) = ("authorization", "Basic YWRtaW46b3BlbiBzZXNhbWU=");

/// What the page sends with each step.
pub(crate) const OWN: (&str, &str) = ("x-cache-admin", "1");

/// An application that reads something cached at `path`.
pub(crate) struct Application {
    pub(crate) app: App,
    path: &'static str,
}

/// Runs a test against the page of an example of each framework.
pub(crate) fn on_every_framework(test: impl Fn(&Application)) {
    for (application, path) in [
        ("posts-axum", "/countries"),
        ("posts-actix", "/countries"),
        ("hello-poem", "/greeting/world"),
        ("hello-salvo", "/greeting/world"),
        ("hello-rocket", "/greeting/world"),
        ("hello-warp", "/greeting/world"),
    ] {
        println!("{application}");
        let app = App::start_with(application, &[("ADMIN_PASSWORD", PASSWORD)]);
        test(&Application { app, path });
    }
}

impl Application {
    /// Reads what is cached, and says whether it was.
    pub(crate) fn is_hit(&self) -> bool {
        self.app.get(self.path).cache_status() == "hit"
    }

    /// Asks the page for something.
    pub(crate) fn get(&self, query: &str) -> Response {
        let path = format!("{PATH}{query}");
        self.app.send_with("GET", &path, &[AUTHORIZATION], None)
    }

    /// Takes a step as the page does.
    pub(crate) fn step(&self, step: &str, kind: &str, name: &str) -> Response {
        let body = body(kind, name);
        let body = Some(("application/json", body.as_bytes()));
        let path = format!("{PATH}?{step}");
        self.app
            .send_with("POST", &path, &[AUTHORIZATION, OWN], body)
    }

    /// The key of what is cached.
    pub(crate) fn key(&self) -> String {
        let found = self.step("look", "pattern", "*").body;
        let key = found["keys"][0]["text"].as_str();
        key.unwrap_or_else(|| panic!("no key in {found}"))
            .to_owned()
    }
}

pub(crate) fn body(kind: &str, name: &str) -> String {
    let body: Value = json!({ "kind": kind, "name": name });
    body.to_string()
}
