//! What only rustc can say of a key that is made by hand, at its literal.

use cache_runtime::{key, pattern, tag};

struct User {
    id: u64,
}

fn main() {
    let user = User { id: 1 };
    let _ = key!("user:{usr}");
    let _ = tag!("user:{user.name}");
    let _ = pattern!("user:{user}:");
    let _ = user.id;
}
