//! What JSON can tell apart hashes as its JSON does, and nothing that serde can tell apart shares a text.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use proptest::prelude::*;
use serde::Serialize;
use serde::ser::Serializer;
use serde_json::{Value, json};

use super::encode;
use crate::key::part::{KeyPart, Rendered};

#[track_caller]
fn text(value: impl Serialize) -> String {
    encode(&value).expect("it has a text")
}

#[track_caller]
fn refuses(value: impl Serialize) -> String {
    encode(&value).expect_err("it has no text").to_string()
}

#[track_caller]
fn all_differ(texts: &[String]) {
    let distinct: BTreeSet<_> = texts.iter().collect();
    assert_eq!(distinct.len(), texts.len(), "{texts:?}");
}

#[derive(Serialize)]
enum Filter {
    Newest,
    Id(u64),
    Pair(u8, char),
    Range { to: u8, from: u8 },
}

#[derive(Serialize)]
struct Query<'q> {
    tags: &'q [&'q str],
    max: Option<f64>,
    by: Filter,
}

/// The hashes are those of the texts, as another program computes them.
#[test]
fn the_hashes_of_ordinary_values_are_those_of_their_json() {
    let hash = |value: &Value| match KeyPart::hash(value).0 {
        Ok(Rendered::Fixed(hash)) => hash,
        other => panic!("no hash: {other:?}"),
    };
    let known = [
        (
            json!(null),
            "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
        ),
        (
            json!(-7),
            "a770d3270c9dcdedf12ed9fd70444f7c8a95c26cae3cae9bd867499090a2f14b",
        ),
        (
            json!(1.5),
            "9f29a130438b81170b92a42650f9a94291ecad60bd47af2a3886e75f7f728725",
        ),
        (
            json!("a\"\u{1}\né"),
            "9ecdb7c7f03dbdce0d03c28dd30b32fdad5ce6893bb9e5dddbdb88f6f7ca2fc4",
        ),
        (
            json!(["a"]),
            "0eb5b8d6f81bc677da8a08567cc4fa9a06a57e9ec8da85ed73a7f62727996002",
        ),
        (
            json!({"b": ["c"], "a": {"y": null, "x": 1.0}}),
            "da04eefc81a3b1d38369bf3a721fcf287b7141f3bc950ab70a429ab117796f53",
        ),
        (
            json!({}),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        ),
    ];
    for (value, expected) in known {
        assert_eq!(hash(&value), expected, "{value}");
    }
}

#[test]
fn the_texts_of_ordinary_values_are_their_json() {
    let query = Query {
        tags: &["a", "b"],
        max: Some(0.5),
        by: Filter::Range { to: 2, from: 1 },
    };
    assert_eq!(
        text(query),
        r#"{"by":{"Range":{"from":1,"to":2}},"max":0.5,"tags":["a","b"]}"#
    );
    let filters = [Filter::Newest, Filter::Id(7), Filter::Pair(1, 'x')];
    assert_eq!(text(filters), r#"["Newest",{"Id":7},{"Pair":[1,"x"]}]"#);
    assert_eq!(
        text(HashMap::from([(-2, true), (10, false)])),
        r#"{"-2":true,"10":false}"#
    );
    assert_eq!(text(HashMap::from([(true, 1)])), r#"{"true":1}"#);
    assert_eq!(text((1_u8, 'c', ())), r#"[1,"c",null]"#);
    assert_eq!(text(0.1_f32), "0.10000000149011612");
    assert_eq!(text([1e15, 1e20, 1e-7]), "[1000000000000000.0,1e+20,1e-7]");
}

#[test]
fn numbers_that_are_none_and_nothing_differ() {
    let numbers = [
        None,
        Some(f64::NAN),
        Some(f64::INFINITY),
        Some(f64::NEG_INFINITY),
        Some(0.0),
        Some(-0.0),
    ];
    all_differ(&numbers.map(text));
    assert_eq!(text(f64::NAN), text(-f64::NAN));
    assert_eq!(text(f32::INFINITY), text(f64::INFINITY));
}

#[test]
fn nested_options_differ() {
    type Nested = Option<Option<Option<u8>>>;
    let nested: [Nested; 4] = [None, Some(None), Some(Some(None)), Some(Some(Some(1)))];
    all_differ(&nested.map(text));
    assert_eq!(text(Some(Some(1))), "1");
    all_differ(&[text(None::<()>), text(Some(())), text(Some(Some(())))]);
    all_differ(&[text(None::<Value>), text(Some(Value::Null))]);
    all_differ(&[
        text([Some(None), None::<Option<u8>>]),
        text([None, Some(None::<u8>)]),
    ]);
    all_differ(&[text("some(null)"), text(Some(None::<u8>))]);
}

#[test]
fn large_integers_have_all_their_digits() {
    assert_eq!(text(u128::MAX), "340282366920938463463374607431768211455");
    assert_eq!(text(i128::MIN), "-170141183460469231731687303715884105728");
    assert_eq!(text(7_u128), text(7_u8));
    assert_eq!(
        text(BTreeMap::from([(u128::MAX, 1)])),
        r#"{"340282366920938463463374607431768211455":1}"#
    );
}

struct Bytes<'b>(&'b [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

#[test]
fn bytes_are_neither_text_nor_a_list() {
    all_differ(&[
        text(Bytes(&[1, 2])),
        text([1, 2]),
        text("0102"),
        text(Bytes(&[0x12])),
    ]);
}

#[derive(Serialize)]
#[serde(tag = "kind")]
enum Tagged {
    Sets(Sets),
}

#[derive(Serialize)]
struct Sets {
    ids: HashSet<u64>,
    by_id: HashMap<(u64, bool), Option<Vec<HashSet<u64>>>>,
    #[serde(flatten)]
    more: Flattened,
}

#[derive(Serialize)]
struct Flattened {
    others: Option<HashSet<u64>>,
}

#[test]
fn sets_and_maps_have_one_text_wherever_they_are() {
    let sets = || {
        let ids: HashSet<u64> = (0..32).collect();
        Tagged::Sets(Sets {
            by_id: (0..32)
                .map(|id| ((id, true), Some(vec![ids.clone()])))
                .collect(),
            more: Flattened {
                others: Some((0..32).collect()),
            },
            ids,
        })
    };
    let texts: HashSet<String> = (0..20).map(|_| text(sets())).collect();
    assert_eq!(texts.len(), 1);
    let keys: HashSet<String> = (0..20)
        .map(|_| text(KeysOf((0..32).map(|id| (id, 1)).collect())))
        .collect();
    assert_eq!(keys.len(), 1);
}

struct KeysOf(HashMap<u64, u8>);

impl Serialize for KeysOf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.keys())
    }
}

#[test]
fn the_order_of_a_list_counts() {
    all_differ(&[text([1, 2]), text([2, 1])]);
    let of_sets = |ids: [u64; 2]| text(ids.map(|id| HashSet::from([id])));
    all_differ(&[of_sets([1, 2]), of_sets([2, 1])]);
}

#[derive(Serialize, PartialEq, Eq, Hash)]
#[serde(untagged)]
enum NumberOrText {
    Number(u8),
    Text(&'static str),
}

struct NoDisplay;

impl fmt::Display for NoDisplay {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

struct ByDisplay(NoDisplay);

impl Serialize for ByDisplay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[test]
fn what_has_no_text_of_its_own_is_an_error() {
    let both = HashMap::from([(NumberOrText::Number(1), 1), (NumberOrText::Text("1"), 2)]);
    assert_eq!(refuses(both), "a map has the same key twice");
    assert_eq!(refuses(ByDisplay(NoDisplay)), "a `Display` failed");
    let cell = RefCell::new(1);
    let _borrowed = cell.borrow_mut();
    assert_eq!(refuses(&cell), "already mutably borrowed");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        (-400_i32..400, -9_i32..25).prop_map(|(n, e)| Value::from(f64::from(n) * 10_f64.powi(e))),
        any::<String>().prop_map(Value::from),
        "[\"\\\\\u{0}-\u{20}é]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[\"\\\\a-c#\u{1}-\u{20}]{0,3}", inner, 0..5)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_text_is_the_json_of_what_json_can_tell(value in value()) {
        let mut sorted = value.clone();
        sorted.sort_all_objects();
        prop_assert_eq!(text(&value), sorted.to_string());
    }
}
