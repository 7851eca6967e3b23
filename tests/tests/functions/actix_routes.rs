//! Routes of actix-web, above the attribute and below it.

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, put, web};
use cache_runtime::{Cache, cache};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Post {
    id: i64,
}

#[derive(Deserialize, Serialize)]
struct PageQuery {
    page: u32,
}

#[get("/above/{id}")]
#[cache("above", cache = cache)]
async fn route_above(cache: web::Data<Cache>, id: web::Path<i64>) -> web::Json<i64> {
    web::Json(*id)
}

#[cache("below", cache = cache)]
#[get("/below/{id}")]
async fn route_below(cache: web::Data<Cache>, id: web::Path<i64>) -> web::Json<i64> {
    web::Json(*id)
}

#[cache("pair:{path.0}:{path.1}:{query.page}", cache = cache)]
#[get("/pair/{name}/{id}")]
async fn fields_of_extractors(
    cache: web::Data<Cache>,
    path: web::Path<(String, i64)>,
    query: web::Query<PageQuery>,
) -> actix_web::Result<web::Json<Post>> {
    Ok(web::Json(Post {
        id: path.1 + i64::from(query.page),
    }))
}

#[put("/above/{id}")]
#[cache("above", method = "PUT", cache = cache)]
async fn answers_a_response(cache: web::Data<Cache>, id: web::Path<i64>) -> HttpResponse {
    if *id == 0 {
        HttpResponse::NotFound().finish()
    } else {
        HttpResponse::Ok().finish()
    }
}

#[delete("/below/{id}")]
#[cache("below", resource_id_name = "id", cache = cache)]
async fn delete_by_request(
    request: HttpRequest,
    cache: web::Data<Cache>,
    id: web::Path<i64>,
) -> &'static str {
    assert_eq!(request.method(), "DELETE");
    "deleted"
}

#[patch("/below/{id}")]
#[cache(to_invalidate_extra = {"below": "{id}"}, cache = cache)]
async fn patch_extra(
    cache: web::Data<Cache>,
    id: web::Path<i64>,
) -> Result<String, actix_web::Error> {
    Ok("patched".into())
}

#[actix_web::test]
async fn routes_above_and_below_the_attribute_are_served_and_cached() {
    let cache = Cache::in_memory();
    let app = actix_web::App::new()
        .app_data(web::Data::new(cache.clone()))
        .service(route_above)
        .service(route_below)
        .service(fields_of_extractors)
        .service(answers_a_response)
        .service(delete_by_request)
        .service(patch_extra);
    let app = actix_web::test::init_service(app).await;
    let call = async |method: &str, path: &str| {
        let method = method.parse().expect("a method");
        let request = actix_web::test::TestRequest::default()
            .method(method)
            .uri(path)
            .to_request();
        actix_web::test::call_service(&app, request)
            .await
            .status()
            .as_u16()
    };
    for (method, path, status, entries) in [
        ("GET", "/above/1", 200, vec!["above:1"]),
        ("GET", "/below/1", 200, vec!["above:1", "below:1"]),
        ("PUT", "/above/0", 404, vec!["above:1", "below:1"]),
        ("PUT", "/above/1", 200, vec!["below:1"]),
        ("DELETE", "/below/1", 200, vec![]),
        ("GET", "/below/2", 200, vec!["below:2"]),
        ("PATCH", "/below/2", 200, vec![]),
        ("GET", "/pair/x:y/2?page=3", 200, vec!["pair:x%3Ay:2:3"]),
    ] {
        assert_eq!(call(method, path).await, status, "{method} {path}");
        for key in ["above:1", "below:1", "below:2", "pair:x%3Ay:2:3"] {
            let entry = cache.get::<serde_json::Value>(key).await.expect("get");
            assert_eq!(
                entry.is_some(),
                entries.contains(&key),
                "{key} after {method} {path}"
            );
        }
    }
}
