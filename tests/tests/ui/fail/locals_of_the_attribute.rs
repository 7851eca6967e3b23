use cache_runtime::cache;

#[cache("post")]
async fn read(post_id: u64) -> u64 {
    drop((call, handler, codec, never));
    post_id
}

#[cache("post", method = "PUT", to_invalidate_extra = {"made": "{post_id}_{result}"})]
async fn write(post_id: u64) -> u64 {
    drop((call, handler, outcome, part0, result));
    post_id
}

fn main() {
    let _ = (read(1), write(1));
}
