//! A greeting on poem, cached: `cargo run -p hello-poem`, then `curl -i localhost:3000/greeting/world`, and
//! `curl -X PUT -d Goodbye localhost:3000/greeting/world`.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use cache_runtime::{AdminAccess, Cache, CacheAdmin, Cached, cache};
use poem::http::StatusCode;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::Path;
use poem::{EndpointExt as _, Route, Server, get, handler};
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
async fn greeting(Path(name): Path<String>) -> Cached<Greeting> {
    make(&name).into()
}

#[handler]
#[cache("greeting", resource_id_name = "name", method = "PUT")]
async fn greet(Path(name): Path<String>, word: String) -> StatusCode {
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
    let routes = Route::new()
        .at("/greeting/:name", get(greeting).post(greeting).put(greet))
        .at("/admin/cache", admin(&cache));
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"));
    let acceptor = listener.into_acceptor().await?;
    let addresses = acceptor.local_addr();
    for address in addresses.iter().filter_map(|it| it.as_socket_addr()) {
        let store = cache.store_name();
        println!("hello-poem listens on http://{address} (cache: {store})");
    }
    let server = Server::new_with_acceptor(acceptor);
    Ok(server.run(routes.with(cache.layer())).await?)
}
