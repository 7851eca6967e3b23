use cache_runtime::cache;

struct Post;

#[cache("post")]
async fn post(post_id: i64) -> Post {
    Post
}

fn main() {
    let _ = post(1);
}
