//! A text for each value that has a `Serialize`, and no text for two values: what `{value:hash}` is the hash of.
//!
//! For what JSON can tell apart, it is the JSON without spaces and with the keys of objects in order. What JSON
//! can't tell apart is written as no JSON is: `NaN`, `-Infinity`, `some(null)`, `bytes"00ff"`. Nothing here depends on
//! how a version of another crate writes JSON.

mod collections;
#[cfg(test)]
mod tests;

use std::any::type_name;
use std::fmt::{self, Display, Write as _};

use serde::ser::{self, Serialize, SerializeSeq as _, Serializer};

use self::collections::{Fields, List};

/// The canonical text of a value.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<String, EncodeError> {
    let mut encoder = Encoder::default();
    value.serialize(&mut encoder)?;
    Ok(encoder.text)
}

/// Why a value has no text.
#[derive(Debug)]
pub(super) struct EncodeError(String);

impl Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EncodeError {}

impl ser::Error for EncodeError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

#[derive(Default)]
struct Encoder {
    text: String,
}

impl Encoder {
    fn push(&mut self, value: impl Display) -> Result<(), EncodeError> {
        write!(self.text, "{value}").map_err(|_| EncodeError("a `Display` failed".into()))
    }

    /// As JSON, with the escapes that are needed and no others.
    fn push_quoted(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\0'..='\u{1f}' => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(c));
                }
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    /// JSON's digits are the shortest that read back as this number. Versions of `serde_json` differ in the sign of
    /// the exponent: `1e20`, `1e+20`.
    fn push_float(&mut self, value: f64) -> Result<(), EncodeError> {
        let json = match value {
            f64::INFINITY => "Infinity".into(),
            f64::NEG_INFINITY => "-Infinity".into(),
            _ if value.is_nan() => "NaN".into(),
            _ => serde_json::to_string(&value).map_err(ser::Error::custom)?,
        };
        match json.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with(['-', '+']) => {
                self.push(format_args!("{digits}e+{exponent}"))
            }
            _ => self.push(json),
        }
    }

    /// `{"Name":`
    fn push_variant(&mut self, variant: &str) {
        self.text.push('{');
        self.push_quoted(variant);
        self.text.push(':');
    }
}

/// Whether this is a hash set, a hash map's keys or another thing of theirs, whose order is none: nothing else tells a
/// set from a list. Who iterates is asked by the name of its type; where that is another one, the order stays.
fn is_unordered<I>() -> bool {
    let name = type_name::<I>().trim_start_matches(['&', ' ']);
    let name = name.split('<').next().unwrap_or_default();
    let rooms = [
        "hash::set::",
        "hash::map::",
        "hashbrown::set::",
        "hashbrown::map::",
    ];
    rooms.iter().any(|room| name.contains(room)) || name.ends_with("::HashSet")
}

impl<'e> Serializer for &'e mut Encoder {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = List<'e>;
    type SerializeTuple = List<'e>;
    type SerializeTupleStruct = List<'e>;
    type SerializeTupleVariant = List<'e>;
    type SerializeMap = Fields<'e>;
    type SerializeStruct = Fields<'e>;
    type SerializeStructVariant = Fields<'e>;

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_i8(self, value: i8) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_i16(self, value: i16) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_i32(self, value: i32) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_i64(self, value: i64) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_i128(self, value: i128) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_u16(self, value: u16) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_u32(self, value: u32) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_u64(self, value: u64) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        self.push_float(value)
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.push_quoted(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.text.push_str("bytes\"");
        for byte in value {
            let _ = write!(self.text, "{byte:02x}");
        }
        self.text.push('"');
        Ok(())
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    /// `Some` is written only where the value in it could be taken for `None`.
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        const SOME: &str = "some(";
        let start = self.text.len();
        value.serialize(&mut *self)?;
        let inner = &self.text[start..];
        if inner == "null" || inner.starts_with(SOME) {
            self.text.insert_str(start, SOME);
            self.text.push(')');
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.text.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.push_variant(variant);
        value.serialize(&mut *self)?;
        self.text.push('}');
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<List<'e>, EncodeError> {
        Ok(List::new(self, "]"))
    }

    fn serialize_tuple(self, _len: usize) -> Result<List<'e>, EncodeError> {
        Ok(List::new(self, "]"))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<List<'e>, EncodeError> {
        Ok(List::new(self, "]"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<List<'e>, EncodeError> {
        self.push_variant(variant);
        Ok(List::new(self, "]}"))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Fields<'e>, EncodeError> {
        Ok(Fields::new(self, "}"))
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Fields<'e>, EncodeError> {
        Ok(Fields::of_struct(self, name))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Fields<'e>, EncodeError> {
        self.push_variant(variant);
        Ok(Fields::new(self, "}}"))
    }

    fn collect_seq<I>(self, items: I) -> Result<(), EncodeError>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        if is_unordered::<I>() {
            let texts = items.into_iter().map(|item| encode(&item));
            let mut texts = texts.collect::<Result<Vec<_>, _>>()?;
            texts.sort_unstable();
            return self.push(format_args!("[{}]", texts.join(",")));
        }
        let mut list = self.serialize_seq(None)?;
        items
            .into_iter()
            .try_for_each(|item| list.serialize_element(&item))?;
        list.end()
    }

    /// Without the panic of `to_string`.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        let mut text = Encoder::default();
        text.push(value)?;
        self.serialize_str(&text.text)
    }
}
