use cache_runtime::cache;

#[cache("post")]
async fn post(post_id: i64) -> u32 {
    "one"
}

fn main() {
    let _ = post(1);
}
