//! The page in a real browser.

use cache_testkit::app::App;
use cache_testkit::{Browser, RedisServer, wait_for, wait_until};
use serde_json::json;

use crate::visitor::{PASSWORD, PATH};

/// A name that would be markup, and would say so.
const SCRIPT: &str = "<img src=x onerror='document.title=`stolen`'>";

#[test]
fn the_page_works_in_a_browser() {
    let redis = RedisServer::start();
    let environment = [
        ("REDIS_CACHE_URL", redis.url()),
        ("REDIS_CACHE_NAMESPACE", "blog".to_owned()),
        ("ADMIN_PASSWORD", PASSWORD.to_owned()),
    ];
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let app = App::start_with("posts-axum", &environment);
    let (script, name) = (format!("blog:{SCRIPT}"), "blog:名前");
    for key in [script.as_str(), name] {
        let () = redis.run(&["SET", key, SCRIPT]);
    }

    let browser = Browser::start();
    let password = PASSWORD.replace(' ', "%20");
    browser.open(&format!("http://admin:{password}@{}{PATH}", app.address()));
    let text = |selector: &str| {
        let script = format!(
            "return document.querySelector({})?.textContent ?? ''",
            json!(selector)
        );
        browser.run(&script).as_str().unwrap_or_default().to_owned()
    };
    wait_until("the state is there", || text("#store").contains("blog"));
    wait_until("the map is there", || text("#map").contains("update_post"));
    assert!(text("#servers").contains("is asked"));

    // Functions, with a plot of each of their four numbers once there were two answers.
    for _ in 0..5 {
        app.get("/countries");
    }
    wait_until("the function is there", || {
        text("#functions").contains("handlers::countries")
    });
    assert!(
        text("#functions").contains("80.0 %"),
        "{}",
        text("#functions")
    );
    wait_until("a line is drawn", || {
        let line = "return document.querySelector('#functions path[d*=L]') !== null";
        browser.run(line) == true
    });

    // Names and values are text.
    let look = |kind: &str, name: &str, button: &str| {
        let (kind, name, button) = (json!(kind), json!(name), json!(button));
        let script = format!(
            "kind.value = {kind}; document.querySelector('#name').value = {name}; document.getElementById({button}).click()"
        );
        let _ = browser.run(&script);
    };
    look("pattern", "*", "look");
    wait_until("all keys are there", || text("#keys").contains("名前"));
    assert!(text("#keys").contains(SCRIPT), "{}", text("#keys"));
    let _ = browser.run("[...document.querySelectorAll('#keys button')].find(b => b.textContent.includes('img')).click()");
    wait_until("its value is there", || text("#value") == SCRIPT);
    assert!(
        text("#result").contains("it is served"),
        "{}",
        text("#result")
    );
    assert_eq!(
        browser.run("return document.querySelectorAll('img').length"),
        0
    );

    // Nothing is removed before that was confirmed.
    look("key", "名前", "remove");
    let asked = wait_for("it asks", || browser.accept_dialogue());
    assert!(asked.contains("名前"), "{asked}");
    wait_until("it is removed", || {
        text("#removed") == "1 entry was removed."
    });
    assert!(!redis.keys().contains(&name.to_owned()));
    assert!(redis.keys().contains(&script));

    assert_eq!(text("title"), "Cache");
    assert_eq!(text("#status"), "");
    assert_eq!(browser.complaints(), [""; 0]);
    let resources = browser.run("return performance.getEntriesByType('resource').map(e => e.name)");
    let resources = resources.as_array().expect("a list");
    let own = format!("http://{}{PATH}?", app.address());
    assert!(!resources.is_empty());
    for resource in resources {
        let resource = resource.as_str().expect("an address");
        assert!(resource.starts_with(&own), "{resource}");
    }
}
