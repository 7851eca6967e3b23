//! What is cached: a list of records, of three sizes.

use serde::{Deserialize, Serialize};

/// How many records make 200 bytes, 2 KB, 50 KB.
pub(crate) const SIZES: [usize; 3] = [2, 20, 500];

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Record {
    id: usize,
    name: String,
    email: String,
    score: f64,
    is_active: bool,
}

pub(crate) fn records(count: usize) -> Vec<Record> {
    let record = |id| Record {
        id,
        name: format!("Person {id}"),
        email: format!("person{id}@example.org"),
        score: 0.5,
        is_active: id % 2 == 0,
    };
    (0..count).map(record).collect()
}

/// The same as it is stored.
pub(crate) fn json(count: usize) -> String {
    serde_json::to_string(&records(count)).expect("they are JSON")
}
