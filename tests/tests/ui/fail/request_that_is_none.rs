use cache_runtime::cache;

enum Method {
    Card,
}

#[cache("fee")]
async fn fee(method: Method) -> u32 {
    match method {
        Method::Card => 1,
    }
}

fn main() {
    let _ = fee(Method::Card);
}
