//! An application, its server, and the proxy between them.

use std::time::{Duration, Instant};

use cache_testkit::app::App;
use cache_testkit::proxy::Proxy;
use cache_testkit::{RedisServer, wait_until};

use tokio::runtime::Runtime;

use crate::posts;

/// No client waits longer: many deadlines of an operation, for a machine that is busy with other tests.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// So many requests have to meet a fault before it ends.
const REQUESTS: u64 = 400;

pub(crate) struct Rig {
    pub(crate) redis: RedisServer,
    pub(crate) proxy: Proxy,
    pub(crate) app: App,
}

impl Rig {
    pub(crate) fn start() -> Self {
        Self::start_with(&[], "")
    }

    /// A server with these options, and a password for it if that is not empty.
    pub(crate) fn start_with(options: &[&str], password: &str) -> Self {
        let redis = RedisServer::start_with(options);
        let proxy = Proxy::start(redis.port());
        let app =
            Self::application_with("posts-axum", &proxy, &[("REDIS_CACHE_PASSWORD", password)]);
        Self { redis, proxy, app }
    }

    pub(crate) fn application_with(
        application: &str,
        proxy: &Proxy,
        environment: &[(&str, &str)],
    ) -> App {
        let port = proxy.port().to_string();
        let usual = [
            ("REDIS_CACHE_HOST", "127.0.0.1"),
            ("REDIS_CACHE_PORT", &port),
            ("REDIS_CACHE_DEADLINE", "0.1"),
            ("RUST_LOG", "info"),
        ];
        App::start_with(application, &[&usual, environment].concat())
    }

    /// Breaks something under load, looks at what the application does then, and mends it. No request may
    /// fail, none may see an old value, and the cache has to be in use again by itself.
    pub(crate) fn survives(
        &mut self,
        what: &str,
        breaks: impl FnOnce(&mut Self),
        during: impl FnOnce(&Self),
        mends: impl FnOnce(&mut Self),
    ) {
        let runtime = Runtime::new().expect("a runtime");
        let _context = runtime.enter();
        let load = posts::load(self.app.client(REQUEST_TIMEOUT));
        self.is_in_use("before");
        breaks(self);
        load.goes_on(REQUESTS);
        during(self);
        mends(self);
        let mended = Instant::now();
        self.is_in_use("after");
        let back = mended.elapsed();
        let report = load.stop();
        println!("{what}: {report}; in use again after {back:.1?}");
        assert!(report.wrong.is_empty(), "{what}: {:#?}", report.wrong);
        wait_until("what was owed is delivered", || {
            self.app.count("/cache/pending_invalidations") == 0
        });
    }

    /// Waits until the breaker is closed and reads are hits.
    pub(crate) fn is_in_use(&self, when: &str) {
        wait_until(&format!("the cache is in use {when}"), || !self.is_open());
        let hits = self.app.count("/cache/hits");
        wait_until(&format!("reads are hits {when}"), || {
            self.app.count("/cache/hits") > hits
        });
    }

    pub(crate) fn is_open(&self) -> bool {
        self.app.get("/stats").body["cache"]["breaker"] == "open"
    }
}
