//! A greeting on rocket, cached: `cargo run -p hello-rocket`, then `curl -i localhost:3000/greeting/world`,
//! and `curl -X PUT -d Goodbye localhost:3000/greeting/world`.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use cache_runtime::{AdminAccess, Cache, CacheAdmin, Cached, cache};
use rocket::config::{Config, LogLevel};
use rocket::fairing::AdHoc;
use rocket::http::Status;
use rocket::{get, post, put, routes};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Greeting {
    text: String,
    /// How many greetings have been made so far: a hit makes none.
    made: usize,
}

/// The word in front of a name, if a `PUT` changed it.
static WORDS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

static MADE: AtomicUsize = AtomicUsize::new(0);

fn make(name: &str) -> Greeting {
    let words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    let word = words.get(name).map_or("Hello", String::as_str);
    Greeting {
        text: format!("{word}, {name}!"),
        made: MADE.fetch_add(1, Ordering::Relaxed) + 1,
    }
}

fn change(name: String, word: String) {
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    words.insert(name, word);
}

#[get("/greeting/<name>")]
#[cache("greeting", resource_id_name = "name")]
async fn greeting(name: String) -> Cached<Greeting> {
    make(&name).into()
}

/// Made anew, and what was stored is removed: the layer tells the function that it calls its method.
#[post("/greeting/<name>")]
async fn greet_again(name: String) -> Cached<Greeting> {
    greeting(name).await
}

#[put("/greeting/<name>", data = "<word>")]
#[cache("greeting", resource_id_name = "name", method = "PUT")]
async fn greet(name: String, word: String) -> Status {
    change(name, word);
    Status::NoContent
}

/// The page of the cache, for the user `admin` with the password that `ADMIN_PASSWORD` says. Without one nobody sees it.
fn admin(cache: &Cache) -> CacheAdmin {
    let password = env::var("ADMIN_PASSWORD").unwrap_or_default();
    cache.admin(move |request| {
        ready(if request.has_password("admin", &password) {
            AdminAccess::Granted
        } else {
            AdminAccess::Unauthorized
        })
    })
}

#[rocket::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = Cache::from_env()?;
    let config = Config {
        port: env::var("PORT").map_or(Ok(3000), |port| port.parse())?,
        log_level: LogLevel::Critical,
        ..Config::default()
    };
    let store = cache.store_name().to_owned();
    let announce = AdHoc::on_liftoff("announce", |rocket| {
        Box::pin(async move {
            let Config { address, port, .. } = rocket.config();
            println!("hello-rocket listens on http://{address}:{port} (cache: {store})");
        })
    });
    let routes = cache.layer().around(routes![greeting, greet_again, greet]);
    let rocket = rocket::custom(config)
        .mount("/", routes)
        .mount("/admin/cache", admin(&cache))
        .attach(announce);
    rocket.launch().await?;
    Ok(())
}
