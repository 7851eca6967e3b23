use cache_runtime::cache;

struct Filter {
    page: u32,
}

#[cache("posts:{filter}")]
async fn posts(filter: Filter) -> u32 {
    filter.page
}

fn main() {
    let _ = posts(Filter { page: 1 });
}
