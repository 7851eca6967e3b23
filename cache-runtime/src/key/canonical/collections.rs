//! Lists, and what has keys.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::{EncodeError, Encoder, encode};

pub(super) struct List<'e> {
    encoder: &'e mut Encoder,
    is_empty: bool,
    close: &'static str,
}

impl<'e> List<'e> {
    pub(super) fn new(encoder: &'e mut Encoder, close: &'static str) -> Self {
        encoder.text.push('[');
        Self {
            encoder,
            is_empty: true,
            close,
        }
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.encoder.text.push(',');
        }
        value.serialize(&mut *self.encoder)
    }

    fn close(self) {
        self.encoder.text.push_str(self.close);
    }
}

/// The name by which `serde_json` knows its own numbers, where another crate of the program has turned on its
/// feature `arbitrary_precision`: with or without it, a number is written in the same way.
const JSON_NUMBER: &str = "$serde_json::private::Number";

/// A map or a struct. The order of its fields is that of their names' bytes.
pub(super) struct Fields<'e> {
    encoder: &'e mut Encoder,
    all: Vec<Field>,
    /// The key whose value comes next.
    key: Option<(String, String)>,
    is_json_number: bool,
    close: &'static str,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    /// The name, where the key is text.
    name: String,
    /// The key as it is written.
    key: String,
    value: String,
}

impl<'e> Fields<'e> {
    pub(super) fn new(encoder: &'e mut Encoder, close: &'static str) -> Self {
        Self {
            encoder,
            all: Vec::new(),
            key: None,
            is_json_number: false,
            close,
        }
    }

    pub(super) fn of_struct(encoder: &'e mut Encoder, name: &str) -> Self {
        Self {
            is_json_number: name == JSON_NUMBER,
            ..Self::new(encoder, "}")
        }
    }

    fn add<T: Serialize + ?Sized>(
        &mut self,
        (name, key): (String, String),
        value: &T,
    ) -> Result<(), EncodeError> {
        let value = encode(value)?;
        self.all.push(Field { name, key, value });
        Ok(())
    }

    fn add_named<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let mut key = Encoder::default();
        key.push_quoted(name);
        self.add((name.to_owned(), key.text), value)
    }

    /// Two fields with one key have no order, and no JSON object has them both.
    fn close(mut self) -> Result<(), EncodeError> {
        if self.is_json_number
            && let [number] = self.all.as_slice()
        {
            self.encoder.text.push_str(number.value.trim_matches('"'));
            return Ok(());
        }
        self.all.sort_unstable();
        if self.all.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return Err(EncodeError("a map has the same key twice".into()));
        }
        for (at, Field { key, value, .. }) in self.all.iter().enumerate() {
            self.encoder.text.push(if at == 0 { '{' } else { ',' });
            self.encoder.text.push_str(key);
            self.encoder.text.push(':');
            self.encoder.text.push_str(value);
        }
        if self.all.is_empty() {
            self.encoder.text.push('{');
        }
        self.encoder.text.push_str(self.close);
        Ok(())
    }
}

/// A map's key: its name, and how it is written. Text, numbers and truth values are written as text.
fn key_of<T: Serialize + ?Sized>(key: &T) -> Result<(String, String), EncodeError> {
    let key = encode(key)?;
    if key.starts_with('"') {
        let name = serde_json::from_str(&key);
        return Ok((name.unwrap_or_else(|_| key.clone()), key));
    }
    let is_number = serde_json::from_str::<serde_json::Number>(&key).is_ok();
    if is_number || matches!(key.as_str(), "true" | "false") {
        let quoted = format!("\"{key}\"");
        return Ok((key, quoted));
    }
    Ok((key.clone(), key))
}

macro_rules! lists {
    ($($of:ident: $method:ident;)*) => {$(
        impl $of for List<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.add(value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.close();
                Ok(())
            }
        }
    )*};
}

lists! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

impl SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.key = Some(key_of(key)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let key = self.key.take();
        let key = key.ok_or_else(|| EncodeError("a map has a value without a key".into()))?;
        self.add(key, value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.close()
    }
}

macro_rules! structs {
    ($($of:ident)*) => {$(
        impl $of for Fields<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.add_named(name, value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.close()
            }
        }
    )*};
}

structs! { SerializeStruct SerializeStructVariant }
