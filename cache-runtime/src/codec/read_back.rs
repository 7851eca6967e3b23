//! Whether JSON brings back what it was made of.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::difference::first_difference;
use super::shape::shape;

/// What JSON does not bring back.
#[derive(Debug)]
pub enum NotReadBack {
    /// It differs at this path; all of it where that is empty.
    At(String),
    /// It can't be read at all.
    Undecodable(serde_json::Error),
}

/// Nothing where a hit would be what the value is, as far as its own `Serialize` tells.
pub(crate) fn read_back<T: Serialize + DeserializeOwned>(
    value: &T,
    json: &[u8],
) -> Option<NotReadBack> {
    let back: T = match serde_json::from_slice(json) {
        Ok(back) => back,
        Err(error) => return Some(NotReadBack::Undecodable(error)),
    };
    let (value, back) = (shape(value).ok()?, shape(&back).ok()?);
    first_difference(&value, &back).map(NotReadBack::At)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap, HashSet};

    use super::*;

    fn lost<T: Serialize + DeserializeOwned>(value: &T) -> Option<String> {
        let json = serde_json::to_vec(value).expect("JSON");
        read_back(value, &json).map(|lost| match lost {
            NotReadBack::At(path) => path,
            NotReadBack::Undecodable(error) => error.to_string(),
        })
    }

    #[test]
    fn what_json_writes_as_null_is_found_where_it_was_something() {
        assert_eq!(lost(&Some(1.5)), None);
        assert_eq!(lost(&None::<f64>), None);
        assert_eq!(lost(&Some(f64::NAN)).as_deref(), Some(""));
        assert_eq!(
            lost(&vec![Some(Some(1)), Some(None), None]).as_deref(),
            Some("[1]")
        );
        let map = BTreeMap::from([("low", Some(f32::NEG_INFINITY)), ("some", Some(0.1))]);
        let map: BTreeMap<String, _> = map
            .into_iter()
            .map(|(name, x)| (name.to_owned(), x))
            .collect();
        assert_eq!(lost(&map).as_deref(), Some(".low"));
        assert_eq!(lost(&Some(())).as_deref(), Some(""));
    }

    #[test]
    fn what_comes_back_as_it_was_is_never_found() {
        assert_eq!(lost(&(0..1000).collect::<HashSet<u32>>()), None);
        assert_eq!(
            lost(
                &(0..1000)
                    .map(|n| (n, f64::from(n) / 7.0))
                    .collect::<HashMap<i32, f64>>()
            ),
            None
        );
        assert_eq!(
            lost(&(u64::MAX, i64::MIN, 'x', "text".to_owned(), true)),
            None
        );
        let results: [Result<u8, String>; 2] = [Ok(1), Err("one".to_owned())];
        assert_eq!(lost(&results), None);
        assert_eq!(
            lost(&serde_json::json!({"a": [null, 1, 0.1, {"b": []}]})),
            None
        );
    }
}
