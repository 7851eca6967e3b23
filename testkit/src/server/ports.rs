//! Ports that nothing listens on.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a node of a cluster adds to its port for the port where the other nodes find it.
pub(crate) const TO_BUS: u16 = 10_000;

/// A port that stays free while its server is gone for a while, and the bus port with it: no system takes
/// either for an outgoing connection, as it does those of [`free_port`].
pub(crate) fn lasting_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    // Test processes that run at the same time begin far from each other.
    let first = std::process::id().wrapping_mul(64);
    std::iter::repeat_with(|| first.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)))
        .take(usize::from(TO_BUS))
        .filter_map(|number| u16::try_from(number % u32::from(TO_BUS)).ok())
        .map(|offset| 11_000 + offset)
        .find(|port| is_free(*port) && is_free(port + TO_BUS))
        .expect("a free port")
}

/// A port that nothing listens on at the moment.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}
