//! What is stored of a value that has tags: `{"tags":{"user:5":"<nonce>"},"value":<the value's JSON>}`.
//!
//! The value is the last member, so it is a slice of the entry and is never decoded to be passed on.

use std::collections::BTreeMap;
use std::io::Write as _;

use bytes::Bytes;

use crate::nonce::is_nonce;

const HEAD: &[u8] = b"{\"tags\":";
const MIDDLE: &[u8] = b",\"value\":";

pub(crate) struct Envelope {
    /// The nonce that each tag had when the value was computed.
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) value: Bytes,
}

/// A value's JSON with its tags around it.
pub(crate) fn seal(tags: &[impl AsRef<str>], nonces: &[String], json: &[u8]) -> Bytes {
    let names = tags.iter().map(AsRef::as_ref);
    let tags: BTreeMap<&str, &String> = names.zip(nonces).collect();
    let mut entry = Vec::with_capacity(json.len() + 64 * (tags.len() + 1));
    entry.extend_from_slice(HEAD);
    // Text to text always has a JSON, and a vector takes everything.
    let _ = serde_json::to_writer(&mut entry, &tags);
    let _ = entry.write_all(MIDDLE);
    entry.extend_from_slice(json);
    entry.push(b'}');
    super::fitted(entry)
}

/// The value of an entry, if it is valid: each of these tags has the nonce that it had then.
pub(crate) fn value(
    entry: &Bytes,
    tags: &[impl AsRef<str>],
    nonces: &[Option<Bytes>],
) -> Option<Bytes> {
    let envelope = Envelope::parse(entry)?;
    let is_current = |(tag, nonce): (&str, &Option<Bytes>)| {
        let recorded = envelope.tags.get(tag);
        recorded.is_some_and(|recorded| nonce.as_deref() == Some(recorded.as_bytes()))
    };
    tags.iter()
        .map(AsRef::as_ref)
        .zip(nonces)
        .all(is_current)
        .then_some(envelope.value)
}

impl Envelope {
    /// Nothing where the entry is a value's plain JSON. The form of the nonces tells the two apart.
    pub(crate) fn parse(entry: &Bytes) -> Option<Self> {
        let (tags, value) = split(entry)?;
        let value = entry.slice_ref(value.strip_suffix(b"}")?);
        Some(Self { tags, value })
    }
}

/// The tags of an entry, and what follows them: its value, and a brace.
fn split(entry: &[u8]) -> Option<(BTreeMap<String, String>, &[u8])> {
    let rest = entry.strip_prefix(HEAD)?;
    let mut tags = serde_json::Deserializer::from_slice(rest).into_iter();
    let map: BTreeMap<String, String> = tags.next()?.ok()?;
    let is_ours = !map.is_empty() && map.values().all(|nonce| is_nonce(nonce));
    let value = rest[tags.byte_offset()..].strip_prefix(MIDDLE)?;
    is_ours.then_some((map, value))
}

/// The tags of an entry and the beginning of its value, of which there may be more unless this is the whole entry; nothing
/// where it is plain JSON, or where the tags alone are longer.
#[cfg(feature = "admin")]
pub(crate) fn beginning(entry: &[u8], is_whole: bool) -> Option<(BTreeMap<String, String>, &[u8])> {
    let (tags, value) = split(entry)?;
    let value = if is_whole {
        value.strip_suffix(b"}")?
    } else {
        value
    };
    Some((tags, value))
}

/// The nonces under which an entry was stored, in the order of these tags.
pub(crate) fn nonces(entry: &Bytes, tags: &[impl AsRef<str>]) -> Vec<Option<Bytes>> {
    if tags.is_empty() {
        return Vec::new();
    }
    let stored = Envelope::parse(entry).map(|envelope| envelope.tags);
    let stored = stored.unwrap_or_default();
    let nonce = |tag: &str| stored.get(tag).map(|nonce| nonce.clone().into());
    tags.iter().map(|tag| nonce(tag.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn nonce(digit: char) -> String {
        digit.to_string().repeat(32)
    }

    #[test]
    fn a_value_is_valid_while_every_tag_has_the_nonce_that_it_had() {
        let tags = strings(&["user:5", "a \"quoted\" 名前"]);
        let nonces = [nonce('a'), nonce('b')];
        let entry = seal(&tags, &nonces, br#"{"tags":{},"value":[1]}"#);
        let current = |one: &str, other: Option<&str>| {
            let found = [
                Some(one.to_owned().into()),
                other.map(|text| text.to_owned().into()),
            ];
            value(&entry, &tags, &found)
        };
        let valid = current(&nonces[0], Some(&nonces[1]));
        assert_eq!(valid.as_deref(), Some(&br#"{"tags":{},"value":[1]}"#[..]));
        assert_eq!(current(&nonces[0], Some(&nonces[0])), None);
        assert_eq!(current(&nonces[0], None), None);
        assert_eq!(
            value(&entry, &strings(&["team:1"]), &[Some(nonce('a').into())]),
            None,
            "it was not stored under this tag"
        );
        let one: serde_json::Value = serde_json::from_slice(&entry).expect("JSON for any program");
        assert_eq!(one["value"]["value"][0], 1);
    }

    #[cfg(feature = "admin")]
    #[test]
    fn the_beginning_of_an_entry_tells_its_tags() {
        let entry = seal(&strings(&["user:5"]), &[nonce('a')], b"[1,2]");
        let value = |entry, is_whole| beginning(entry, is_whole).map(|(_, value)| value);
        assert_eq!(value(&entry, true), Some(&b"[1,2]"[..]));
        assert_eq!(value(&entry[..entry.len() - 2], false), Some(&b"[1,2"[..]));
        let (tags, _) = beginning(&entry, true).expect("it has tags");
        assert_eq!(
            tags.into_iter().collect::<Vec<_>>(),
            [("user:5".to_owned(), nonce('a'))]
        );
        assert_eq!(value(&entry[..20], false), None);
        assert_eq!(value(b"[1,2]", true), None);
    }

    #[test]
    fn an_answer_that_looks_like_an_envelope_is_none() {
        for plain in [
            r#"{"tags":{"a":"b"},"value":1}"#,
            r#"{"tags":{},"value":1}"#,
            r#"{"tags":["a"],"value":1}"#,
            r#"{"tags":{"a":"#,
            r#"{"tags":{"a":"0123456789abcdef0123456789abcdef"},"value":1"#,
            r#"{"tags":{"a":"0123456789abcdef0123456789abcdef"}}"#,
            "[]",
            "",
        ] {
            assert!(Envelope::parse(&Bytes::from(plain)).is_none(), "{plain}");
        }
    }
}
