//! A greeting on warp, cached: `cargo run -p hello-warp`, then `curl -i localhost:3000/greeting/world`, and
//! `curl -X PUT -d Goodbye localhost:3000/greeting/world`.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use cache_runtime::{AdminAccess, Cache, CacheAdmin, Cached, cache};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tower_layer::Layer as _;
use warp::Filter as _;
use warp::http::StatusCode;

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

/// For a `POST` it is made anew, and what was stored is removed: the layer tells the function its method.
#[cache("greeting", resource_id_name = "name")]
async fn greeting(name: String) -> Cached<Greeting> {
    make(&name).into()
}

#[cache("greeting", resource_id_name = "name", method = "PUT")]
async fn greet(name: String, word: String) -> StatusCode {
    change(name, word);
    StatusCode::NO_CONTENT
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

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = Cache::from_env()?;
    let path = warp::path!("greeting" / String);
    let word = warp::body::bytes().map(|word: Bytes| String::from_utf8_lossy(&word).into_owned());
    let reads = path
        .and(warp::get().or(warp::post()).unify())
        .then(greeting);
    let writes = path.and(warp::put()).and(word).then(greet);
    let admin = warp::path!("admin" / "cache").and(admin(&cache).filter());
    let service = warp::service(reads.or(writes).or(admin));
    let service = cache.layer().layer(service);

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = listener.local_addr()?;
    println!(
        "hello-warp listens on http://{address} (cache: {})",
        cache.store_name()
    );
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // A client that goes away is nothing to tell of.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
