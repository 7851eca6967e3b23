//! What the layer makes of requests and responses, with each framework, in the process.

mod actix;
mod allocations;
mod axum;
mod cases;

use cache_testkit::Response;

/// An application, called without a network.
trait Application {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response;

    async fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[]).await
    }
}
