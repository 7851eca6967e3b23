use cache_runtime::cache;

#[cache("post", cache = "redis://localhost")]
async fn post(post_id: i64) -> u32 {
    1
}

fn main() {
    let _ = post(1);
}
