//! A blog on axum, cached with `#[cache]`.
//!
//! `cargo run -p posts-axum` serves it on <http://127.0.0.1:3000>, with a cache of its own inside the
//! process; `REDIS_CACHE_URL=redis://localhost cargo run -p posts-axum` caches in Redis. With `-- --tour`, it shows
//! what the cache does and ends; with `-- --map`, which function removes what which other one reads.

mod error;
mod extract;
mod handlers;

use std::error::Error;
use std::future::ready;
use std::io;
use std::process::ExitCode;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::{any, get, post};
use cache_runtime::{AdminAccess, Cache, CacheAdmin};
use posts_core::{BODY_LIMIT, Db, GRACE, Settings};
use tokio::net::TcpListener;

/// What the handlers share; each takes the part it needs.
#[derive(Clone, FromRef)]
struct App {
    db: Db,
    cache: Cache,
}

#[tokio::main]
async fn main() -> ExitCode {
    posts_core::init_logs();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            posts_core::complain("posts-axum", &*error);
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let settings = Settings::read()?;
    if settings.map {
        let map = cache_runtime::map();
        println!("{}\n{}", map.to_table(), map.to_mermaid());
        return Ok(());
    }
    let cache = Cache::from_env()?;
    let db = Db::open(&settings.database_url).await?;

    let listener = TcpListener::bind((settings.host.as_str(), settings.port))
        .await
        .map_err(|error| settings.cannot_listen(&error))?;
    let address = listener.local_addr()?;
    let (asked_to_end, grace_over) = (posts_core::termination()?, grace_over()?);
    posts_core::announce("posts-axum", address, cache.store_name());

    let state = App {
        db,
        cache: cache.clone(),
    };
    let mut router = router(state);
    if let Some(password) = settings.admin_password {
        router = router.route("/admin/cache", any(admin(&cache, password)));
    }
    let server = axum::serve(listener, router.layer(cache.layer()));
    if settings.tour {
        tokio::select! {
            ended = server => ended?,
            shown = posts_core::tour(address) => shown?,
            () = asked_to_end => {}
        }
    } else {
        tokio::select! {
            ended = server.with_graceful_shutdown(asked_to_end) => ended?,
            () = grace_over => {}
        }
        posts_core::report_pending(cache.drain(GRACE).await);
    }
    Ok(())
}

/// A client that never finishes its request must not keep the process from ending.
fn grace_over() -> io::Result<impl Future<Output = ()>> {
    let asked_to_end = posts_core::termination()?;
    Ok(async {
        asked_to_end.await;
        tokio::time::sleep(GRACE).await;
    })
}

fn router(app: App) -> Router {
    Router::new()
        .route("/{username}/posts", get(handlers::list_posts))
        .route("/{username}/post", post(handlers::create_post))
        .route(
            "/{username}/post/{id}",
            get(handlers::read_post)
                .patch(handlers::update_post)
                .delete(handlers::delete_post),
        )
        .route("/posts/latest", get(handlers::latest_posts))
        .route("/countries", get(handlers::countries))
        .route(
            "/organizations/{org_id}/departments/{dept_id}/employees",
            get(handlers::employees),
        )
        .route("/search", get(handlers::search))
        .route("/stats", get(handlers::stats))
        .route("/healthz", get(handlers::health))
        .fallback(handlers::no_route)
        .method_not_allowed_fallback(handlers::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(app)
}

/// The page of the cache, for the user `admin` with this password.
fn admin(cache: &Cache, password: String) -> CacheAdmin {
    cache.admin(move |request| {
        ready(if request.has_password("admin", &password) {
            AdminAccess::Granted
        } else {
            AdminAccess::Unauthorized
        })
    })
}

#[cfg(test)]
mod tests {
    /// Countries and departments don't change here. What a search finds may be as old as its expiration.
    #[test]
    fn what_changes_is_removed_by_what_changes_it() {
        cache_runtime::map()
            .allow_never_removed("countries")
            .allow_never_removed("employees")
            .allow_never_removed("search")
            .assert_coherent();
    }
}
