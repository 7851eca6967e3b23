use cache_runtime::cache;

type Done<E> = Result<(), E>;

#[cache("nothing")]
async fn nothing(id: u64) {}

#[cache("receipt")]
async fn receipt(id: u64) -> Done<String> {
    Ok(())
}

fn main() {
    let _ = (nothing(1), receipt(1));
}
