use cache_runtime::cache;

#[cache("post", stale_if_error = {60, errors = |error| error == 404})]
async fn post(post_id: i64) -> String {
    String::new()
}

#[cache("post", invalidate_on_error = |error| error.is_late())]
async fn change_post(post_id: i64) -> String {
    String::new()
}

fn is_late(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::Other
}

#[cache("post", invalidate_on_error = is_late)]
async fn rename_post(post_id: i64) {}

fn main() {}
