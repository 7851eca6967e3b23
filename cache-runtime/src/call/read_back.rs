//! In debug builds, what a function's first stores are read back as. A hit that is not what the miss was shows in
//! production, and hardly ever in a test.

use std::any::type_name;
use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use parking_lot::Mutex;

use super::lazy::function_of;
use crate::codec::{Codec, NotReadBack};
use crate::log;

/// So many stores of each function are read back.
const STORES: u32 = 16;

/// How many of each function's stores have been.
static SEEN: LazyLock<Mutex<HashMap<&'static str, u32>>> = LazyLock::new(Mutex::default);

/// Tells the log, once for each function, if `json`, which is stored for `output`, does not bring it back. `F` is the
/// function's future.
pub(super) fn check<C: Codec, F>(output: &C::Output, json: &Bytes) {
    let function = type_name::<F>();
    let is_first = {
        let mut seen = SEEN.lock();
        let stores = seen.entry(function).or_default();
        *stores += 1;
        *stores <= STORES
    };
    if !is_first {
        return;
    }
    let Some(lost) = C::read_back(output, json) else {
        return;
    };
    SEEN.lock().insert(function, STORES);
    let function = function_of(function);
    match lost {
        NotReadBack::At(field) => log::not_read_back(function, &field),
        NotReadBack::Undecodable(error) => log::never_read_back(function, &error),
    }
}
