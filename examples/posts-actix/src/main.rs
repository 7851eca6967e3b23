//! A blog on actix-web, cached with `#[cache]`.
//!
//! `cargo run -p posts-actix` serves it on <http://127.0.0.1:3000>, with a cache of its own inside the
//! process; `REDIS_CACHE_URL=redis://localhost cargo run -p posts-actix` caches in Redis. With `-- --tour`, it shows
//! what the cache does and ends; with `-- --map`, which function removes what which other one reads.

mod error;
mod handlers;

use std::error::Error;
use std::future::ready;
use std::process::ExitCode;

use actix_web::web::{self, JsonConfig, PathConfig, QueryConfig, ServiceConfig};
use actix_web::{App, HttpServer, Resource, Route, guard, rt};
use cache_runtime::{AdminAccess, Cache, CacheAdmin};
use posts_core::{BODY_LIMIT, Db, GRACE, Settings};

use crate::error::ApiError;

#[actix_web::main]
async fn main() -> ExitCode {
    posts_core::init_logs();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            posts_core::complain("posts-actix", &*error);
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

    let (state, handle) = (web::Data::new(db), web::Data::new(cache.clone()));
    let password = settings.admin_password.clone();
    let admin = password.map(|password| admin(&cache, password));
    let server = HttpServer::new(move || {
        App::new()
            .configure(|config| {
                if let Some(admin) = &admin {
                    config.route("/admin/cache", web::to(admin.clone()));
                }
            })
            .app_data(state.clone())
            .app_data(handle.clone())
            .configure(routes)
            .wrap(handle.layer())
    })
    .shutdown_signal(posts_core::termination()?)
    .shutdown_timeout(GRACE.as_secs())
    .bind((settings.host.as_str(), settings.port))
    .map_err(|error| settings.cannot_listen(&error))?;
    let address = *server.addrs().first().ok_or("no address to listen on")?;
    posts_core::announce("posts-actix", address, cache.store_name());

    let server = server.run();
    if settings.tour {
        let handle = server.handle();
        rt::spawn(server);
        posts_core::tour(address).await?;
        handle.stop(true).await;
    } else {
        server.await?;
        posts_core::report_pending(cache.drain(GRACE).await);
    }
    Ok(())
}

fn routes(config: &mut ServiceConfig) {
    config
        .app_data(PathConfig::default().error_handler(|error, _| ApiError::from(error).into()))
        .app_data(QueryConfig::default().error_handler(|error, _| ApiError::from(error).into()))
        .app_data(
            JsonConfig::default()
                .limit(BODY_LIMIT)
                .error_handler(|error, _| ApiError::from(error).into()),
        )
        .service(resource("/{username}/posts", "GET,HEAD").route(get().to(handlers::list_posts)))
        .service(resource("/{username}/post", "POST").route(web::post().to(handlers::create_post)))
        .service(
            resource("/{username}/post/{id}", "GET,HEAD,PATCH,DELETE")
                .route(get().to(handlers::read_post))
                .route(web::patch().to(handlers::update_post))
                .route(web::delete().to(handlers::delete_post)),
        )
        .service(resource("/posts/latest", "GET,HEAD").route(get().to(handlers::latest_posts)))
        .service(resource("/countries", "GET,HEAD").route(get().to(handlers::countries)))
        .service(
            resource(
                "/organizations/{org_id}/departments/{dept_id}/employees",
                "GET,HEAD",
            )
            .route(get().to(handlers::employees)),
        )
        .service(resource("/search", "GET,HEAD").route(get().to(handlers::search)))
        .service(resource("/stats", "GET,HEAD").route(get().to(handlers::stats)))
        .service(resource("/healthz", "GET,HEAD").route(get().to(handlers::health)))
        .default_service(web::to(handlers::no_route));
}

/// A resource that answers every method without a route of its own by naming those that have one.
fn resource(path: &str, allowed: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move {
        handlers::method_not_allowed(allowed)
    }))
}

/// A route for GET, and for HEAD, which is a GET whose body nobody wants.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
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
