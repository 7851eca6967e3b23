//! A greeting on salvo, cached: `cargo run -p hello-salvo`, then `curl -i localhost:3000/greeting/world`, and
//! `curl -X PUT -d Goodbye localhost:3000/greeting/world`.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use cache_runtime::{AdminAccess, Cache, CacheAdmin, Cached, cache};
use salvo_core::conn::{Acceptor as _, Listener as _, TcpListener};
use salvo_core::extract::PathParam;
use salvo_core::http::{ParseError, StatusCode};
use salvo_core::{Request, Router, Server, Writer as _};
use salvo_macros::handler;
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

/// For a `POST` it is made anew, and what was stored is removed: the layer tells the function its method.
#[handler]
#[cache("greeting", resource_id_name = "name")]
async fn greeting(name: PathParam<String>) -> Cached<Greeting> {
    make(&name.0).into()
}

#[handler]
#[cache("greeting", resource_id_name = "name", method = "PUT")]
async fn greet(name: PathParam<String>, request: &mut Request) -> Result<StatusCode, ParseError> {
    let word = request.payload().await?;
    change(name.0, String::from_utf8_lossy(word).into_owned());
    Ok(StatusCode::NO_CONTENT)
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
    let greetings = Router::with_path("greeting/{name}")
        .hoop(cache.layer())
        .get(greeting)
        .post(greeting)
        .put(greet);
    let admin = Router::with_path("admin/cache").goal(admin(&cache));
    let routes = Router::new().push(greetings).push(admin);
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let acceptor = TcpListener::new(format!("127.0.0.1:{port}")).bind().await;
    let addresses = acceptor.holdings().iter();
    for address in addresses.filter_map(|it| it.local_addr.clone().into_std()) {
        let store = cache.store_name();
        println!("hello-salvo listens on http://{address} (cache: {store})");
    }
    Server::new(acceptor).serve(routes).await;
    Ok(())
}
