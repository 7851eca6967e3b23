//! What is taken of the heap.

/// What an allocation of so many bytes takes: most allocators keep a word beside it, and give out steps of 16 bytes, at
/// least two of them.
pub(crate) const fn allocated(bytes: usize) -> usize {
    const STEP: usize = 16;
    let taken = (bytes + size_of::<usize>()).next_multiple_of(STEP);
    match bytes {
        0 => 0,
        _ if taken < 2 * STEP => 2 * STEP,
        _ => taken,
    }
}

/// What an [`Arc`](std::sync::Arc) of this type takes, beside what its value has allocated.
pub(crate) const fn shared<T>() -> usize {
    allocated(2 * size_of::<usize>() + size_of::<T>())
}

/// What a hash table takes for one that is in it, right after it has grown: more than half of it is empty then.
pub(crate) const fn in_table<T>() -> usize {
    ((size_of::<T>() + 1) * 16).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use allocation_counter::measure;

    use super::*;

    #[test]
    fn what_is_allocated_is_more_than_what_was_asked_for() {
        assert_eq!([0, 1, 24, 25, 4096].map(allocated), [0, 32, 32, 48, 4112]);
        assert_eq!(shared::<u64>(), 32);
    }

    #[test]
    fn a_table_takes_no_more_at_any_size() {
        for count in 1000..4000 {
            let table = || {
                (0..count)
                    .map(|n| (n, Arc::new(n)))
                    .collect::<HashMap<u64, _>>()
            };
            let taken = measure(|| std::mem::forget(table())).bytes_current;
            let least = count * (in_table::<(u64, Arc<u64>)>() as u64 / 2 + 24);
            let most = count * (in_table::<(u64, Arc<u64>)>() as u64 + 24) + 64;
            let taken = u64::try_from(taken).expect("bytes");
            assert!(
                (least..=most).contains(&taken),
                "{count}: {taken} of {most}"
            );
        }
    }
}
