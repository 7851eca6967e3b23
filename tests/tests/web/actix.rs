//! actix-web.

use std::future::{Future, Ready, ready};

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::System;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{Data, Json, Path, to};
use actix_web::{App, Error, FromRequest, HttpRequest, Responder, error};
use cache_runtime::{Cache, CacheLayer, Cached, cache};
use cache_testkit::{Response, Runs};

use crate::Application;
use crate::cases;

#[cache("item", resource_id_name = "id")]
async fn item(runs: Data<Runs>, id: Path<u64>) -> Cached<Vec<u64>> {
    Cached::new(vec![*id, runs.count()])
}

#[cache("fallible", resource_id_name = "id")]
async fn fallible(runs: Data<Runs>, id: Path<u64>) -> Result<Cached<u64>, Error> {
    let run = runs.count();
    if *id == 0 {
        return Err(error::ErrorNotFound("no such item"));
    }
    Ok(run.into())
}

#[cache("status", resource_id_name = "id")]
async fn status(runs: Data<Runs>, id: Path<u16>) -> (Json<u64>, StatusCode) {
    let status = StatusCode::from_u16(*id).unwrap_or_default();
    (Json(runs.count()), status)
}

#[cache("json", resource_id_name = "id")]
async fn json(runs: Data<Runs>, id: Path<u64>) -> Json<u64> {
    Json(runs.count())
}

async fn tagged(runs: Data<Runs>, id: Path<u64>) -> impl Responder {
    let header = ("etag", cases::TAG);
    item(runs, id).await.customize().insert_header(header)
}

/// As middleware that compresses would leave it.
async fn encoded(runs: Data<Runs>, id: Path<u64>) -> impl Responder {
    let header = ("content-encoding", "x-none");
    item(runs, id).await.customize().insert_header(header)
}

/// Not cached itself.
async fn nested(runs: Data<Runs>, id: Path<u64>) -> Json<u64> {
    Json(cases::number(&runs, *id).await)
}

async fn explicit(runs: Data<Runs>, id: Path<u64>) -> Json<u64> {
    Json(cases::explicit(&runs, *id).await)
}

/// A handler by its parameters alone.
#[cache("text")]
async fn text(runs: Data<Runs>, id: Path<u64>) -> String {
    runs.count().to_string()
}

/// Not cached itself.
async fn called(runs: Data<Runs>, id: Path<u64>) -> Cached<u64> {
    let Ok(answer) = cases::answer(&runs, *id).await;
    answer
}

async fn change(runs: Data<Runs>, id: Path<u16>) -> Result<(Json<[u64; 2]>, StatusCode), Error> {
    let numbers = Json(cases::around_a_change(&runs).await);
    match StatusCode::from_u16(*id).unwrap_or_default() {
        StatusCode::NOT_FOUND => Err(error::ErrorNotFound("rolled back")),
        StatusCode::INTERNAL_SERVER_ERROR => Err(error::ErrorInternalServerError("in doubt")),
        status => Ok((numbers, status)),
    }
}

/// What an application takes from requests itself.
struct Caller {
    id: u64,
    runs: Data<Runs>,
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().query("id").parse();
        let runs = request.app_data::<Data<Runs>>().cloned();
        ready(match (id, runs) {
            (Ok(id), Some(runs)) => Ok(Self { id, runs }),
            _ => Err(error::ErrorBadRequest("no number")),
        })
    }
}

/// A handler, since it returns what is sent, and takes what may be extracted.
#[cache("own:{caller.id}")]
async fn own(caller: Caller) -> String {
    caller.runs.count().to_string()
}

#[cache("own_error:{caller.id}")]
async fn own_error(caller: Caller) -> Result<Option<String>, Error> {
    Ok(Some(caller.runs.count().to_string()))
}

struct Actix<S>(S);

impl<S, B> Application for Actix<S>
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = TestRequest::with_uri(path).method(method);
        for header in headers {
            request = request.insert_header(*header);
        }
        let response = self.0.call(request.to_request()).await.expect("a response");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = to_bytes(response.into_body()).await;
        let body = body.map_err(|_| "no body").expect("a body");
        let text = String::from_utf8(body.into()).expect("text");
        Response::new(status, headers.iter(), text)
    }
}

async fn application(layer: CacheLayer) -> impl Application {
    let app = App::new()
        .app_data(Data::new(Runs::default()))
        .route("/item/{id}", to(item))
        .route("/fallible/{id}", to(fallible))
        .route("/status/{id}", to(status))
        .route("/json/{id}", to(json))
        .route("/tagged/{id}", to(tagged))
        .route("/encoded/{id}", to(encoded))
        .route("/nested/{id}", to(nested))
        .route("/explicit/{id}", to(explicit))
        .route("/text/{id}", to(text))
        .route("/called/{id}", to(called))
        .route("/own/{id}", to(own))
        .route("/own_error/{id}", to(own_error))
        .wrap(layer);
    Actix(init_service(app).await)
}

fn run(test: impl Future<Output = ()>) {
    System::new().block_on(test);
}

#[test]
fn a_function_follows_the_method_of_its_request() {
    run(async { cases::follows_the_method(&application(Cache::in_memory().layer()).await).await });
}

#[test]
fn a_plain_function_reads_whatever_the_request_is() {
    run(async { cases::nested_functions(&application(Cache::in_memory().layer()).await).await });
}

#[test]
fn a_handler_is_one_by_its_parameters_or_by_what_it_returns() {
    run(async { cases::handlers(&application(Cache::in_memory().layer()).await).await });
}

#[test]
fn a_response_says_what_became_of_the_call() {
    run(async { cases::statuses(&application(Cache::in_memory().layer()).await).await });
}

#[test]
fn a_client_that_has_the_bytes_is_told_so() {
    run(async {
        cases::conditional_requests(&application(Cache::in_memory().layer()).await).await;
    });
}

#[test]
fn a_json_says_what_became_of_the_call_too() {
    let layer = || Cache::in_memory().layer();
    run(async {
        let plain = application(layer()).await;
        cases::json(&plain, &application(layer().max_age(&[])).await).await;
    });
}

#[test]
fn a_tag_is_the_handlers_own_or_says_that_the_body_is_another_one() {
    run(async { cases::tags(&application(Cache::in_memory().layer()).await).await });
}

#[test]
fn ages_are_told_where_the_application_wants_it() {
    let layer = || Cache::in_memory().layer();
    run(async {
        cases::ages(
            &application(layer()).await,
            &application(layer().age()).await,
            &application(layer().max_age(&["Cookie", "X-Tenant"])).await,
        )
        .await;
    });
}

#[test]
fn a_client_decides_only_where_it_is_allowed_to() {
    let layer = || Cache::in_memory().layer();
    run(async {
        let strict = application(layer()).await;
        cases::client_directives(&strict, &application(layer().client_directives()).await).await;
    });
}

#[test]
fn what_a_request_made_stale_is_removed_behind_its_commit() {
    run(async {
        let (cache, kept) = (Cache::in_memory(), Runs::default());
        let transaction = (cache.clone(), kept.clone());
        let app = App::new()
            .app_data(Data::new(Runs::default()))
            .route("/nested/{id}", to(nested))
            .route("/change/{id}", to(change))
            .wrap_fn(move |request, service| {
                let (cache, kept) = transaction.clone();
                let response = service.call(request);
                async move {
                    let response = response.await;
                    cases::commit(&cache, &kept).await;
                    response
                }
            })
            .wrap(cache.layer().deferred());
        cases::deferred(&Actix(init_service(app).await), &kept).await;
    });
}
