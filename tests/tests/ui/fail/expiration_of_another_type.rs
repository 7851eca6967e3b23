use cache_runtime::cache;

const SECONDS: u64 = 60;

#[cache("post", expiration = SECONDS)]
async fn post(post_id: i64) -> u32 {
    1
}

fn main() {
    let _ = post(1);
}
