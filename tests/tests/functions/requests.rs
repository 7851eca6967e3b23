//! Parameters that tell the method of the request.

use axum::http::Method;
use cache_runtime::{Cache, RequestMethod, cache};
use cache_testkit::Runs;

#[cache("item", cache = cache, skip(cache, runs))]
async fn by_method(method: Method, cache: &Cache, item_id: u64, runs: &Runs) -> u64 {
    runs.count()
}

struct Verb(&'static str);

impl RequestMethod for Verb {
    fn request_method(&self) -> &str {
        self.0
    }
}

#[cache("own", cache = cache, skip(verb, runs))]
async fn own_request_type(verb: Verb, cache: &Cache, runs: &Runs, own_id: u64) -> u64 {
    runs.count()
}

#[tokio::test]
async fn the_method_of_a_request_decides() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    for (method, runs_after) in [
        (Method::GET, 1),
        (Method::HEAD, 1),
        (Method::OPTIONS, 2),
        (Method::GET, 2),
        (Method::PUT, 3),
        (Method::GET, 4),
        (Method::DELETE, 5),
    ] {
        by_method(method.clone(), &cache, 1, &runs).await;
        assert_eq!(runs.get(), runs_after, "{method}");
    }
}

#[tokio::test]
async fn a_request_type_of_ones_own_decides() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    for (verb, runs_after) in [
        ("GET", 1),
        ("GET", 1),
        ("PURGE", 2),
        ("GET", 3),
        ("TRACE", 4),
    ] {
        own_request_type(Verb(verb), &cache, &runs, 1).await;
        assert_eq!(runs.get(), runs_after, "{verb}");
    }
}
