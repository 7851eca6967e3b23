//! What a function is verified by, and where it can't be.

use std::rc::Rc;

use cache_runtime::cache;

const RATE: u64 = 1;

#[cache("rate", verify = RATE)]
async fn rate(id: u64) -> u64 {
    id
}

#[cache("unsendable", verify = 0.001)]
async fn unsendable(id: u64) -> u64 {
    let held = Rc::new(id);
    std::future::ready(()).await;
    *held
}

fn main() {
    let _ = (rate(1), unsendable(1));
}
