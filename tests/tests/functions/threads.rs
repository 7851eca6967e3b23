use std::cell::RefCell;
use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;

use cache_runtime::{Cache, cache};

type Call = Pin<Box<dyn Future<Output = u32>>>;

thread_local! {
    static HELD: RefCell<Option<Call>> = const { RefCell::new(None) };
}

#[cache("hanging:{n}", cache = cache)]
async fn hanging(cache: Cache, n: u32) -> u32 {
    pending().await
}

#[cache("hanging:{n}", method = "PUT", cache = cache)]
async fn hanging_write(cache: Cache, n: u32) -> u32 {
    pending().await
}

/// A panic there would end the process.
#[test]
fn a_call_that_its_thread_drops_at_the_very_end_gives_its_lease_back() {
    let cache = Cache::in_memory();
    let calls: [fn(Cache) -> Call; 2] = [
        |cache| Box::pin(hanging(cache, 1)),
        |cache| Box::pin(hanging_write(cache, 1)),
    ];
    for call in calls {
        let cache = cache.clone();
        let thread = thread::spawn(move || {
            // It is destroyed after what is made later, and so after what a call knows of those around it.
            HELD.with(|held| *held.borrow_mut() = Some(Box::pin(pending())));
            let mut call = call(cache);
            let mut context = Context::from_waker(Waker::noop());
            assert!(call.as_mut().poll(&mut context).is_pending());
            HELD.with(|held| *held.borrow_mut() = Some(call));
        });
        thread.join().expect("a thread that ends");
    }
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.pending_invalidations), (1, 0));
}
