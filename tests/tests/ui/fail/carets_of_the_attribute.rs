use cache_runtime::cache;

#[cache(method = "GET")]
async fn whole_attribute(post_id: u64) -> u64 {
    post_id
}

#[cache("post", expiration = -5)]
async fn several_tokens(post_id: u64) -> u64 {
    post_id
}

#[cache("post", ttl = 60, tags = {"a"})]
async fn several_mistakes(post_id: u64) -> u64 {
    post_id
}

#[cache("posts")]
async fn parameter(page: u32) -> u32 {
    page
}

fn main() {
    let _ = (whole_attribute(1), several_tokens(1));
    let _ = (several_mistakes(1), parameter(1));
}
