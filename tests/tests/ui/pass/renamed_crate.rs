//! The runtime under other names: its own renamed, and within a module that re-exports it.

extern crate cache_runtime as remember;

mod vendored {
    pub use cache_runtime as kept;
}

#[remember::cache("root", crate = remember)]
async fn by_the_name_it_has_here(id: u64) -> u64 {
    id
}

#[vendored::kept::cache("path", crate = crate::vendored::kept)]
async fn by_a_path(id: u64) -> u64 {
    id
}

mod inner {
    use super::vendored::kept::{CachePattern, cache, pattern};

    pub fn pattern(id: u64) -> CachePattern {
        pattern!("root:{id}:")
    }

    #[cache("super", crate = super::vendored::kept)]
    pub async fn by_a_relative_path(id: u64) -> u64 {
        id
    }

    #[cache("write", method = "PUT", crate = self::super::remember)]
    pub async fn write(id: u64) {
        let _ = id;
    }
}

fn by_hand(id: u64) {
    let _ = remember::key!("root:{id}");
    let _ = vendored::kept::tag!("root:{id}");
    let _ = inner::pattern(id);
}

fn main() {
    by_hand(1);
    let _ = by_the_name_it_has_here(1);
    let _ = by_a_path(1);
    let _ = inner::by_a_relative_path(1);
    let _ = inner::write(1);
}
