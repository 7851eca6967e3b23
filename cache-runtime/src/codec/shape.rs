//! A value as a tree in which what JSON writes alike is not alike: `Some(NaN)`, `Some(None)` and `None` are all `null`
//! there. Not for speed: debug builds alone ask for it.

use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
};
use serde_json::{Error, Map, Number, Value};

type Result<T = Value> = std::result::Result<T, Error>;

pub(super) fn shape<T: Serialize + ?Sized>(value: &T) -> Result {
    value.serialize(Shape)
}

#[derive(Clone, Copy)]
struct Shape;

/// Something that is no value of JSON, or none of its own.
fn marked(mark: &str, value: Value) -> Value {
    Value::Array(vec![Value::String(format!("<{mark}>")), value])
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(
        || marked("float", Value::String(value.to_string())),
        Value::Number,
    )
}

fn object(name: &str, value: Value) -> Value {
    Value::Object([(name.to_owned(), value)].into_iter().collect())
}

macro_rules! as_json {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result {
            serde_json::to_value(value)
        }
    )*};
}

impl ser::Serializer for Shape {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Variant<Items>;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Variant<Members>;

    as_json! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_char: char,
        serialize_str: &str
    }

    fn serialize_i128(self, value: i128) -> Result {
        Ok(Value::String(value.to_string()))
    }

    fn serialize_u128(self, value: u128) -> Result {
        Ok(Value::String(value.to_string()))
    }

    fn serialize_f32(self, value: f32) -> Result {
        Ok(float(value.into()))
    }

    fn serialize_f64(self, value: f64) -> Result {
        Ok(float(value))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result {
        serde_json::to_value(bytes)
    }

    fn serialize_none(self) -> Result {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        Ok(match shape(value)? {
            null @ Value::Null => marked("some", null),
            some => some,
        })
    }

    fn serialize_unit(self) -> Result {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result {
        Ok(Value::String(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result {
        shape(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        Ok(object(variant, shape(value)?))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items> {
        Ok(Items::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Items> {
        Ok(Items::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items> {
        Ok(Items::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Variant<Items>> {
        let inner = Items::default();
        Ok(Variant { variant, inner })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members> {
        Ok(Members::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members> {
        Ok(Members::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Variant<Members>> {
        let inner = Members::default();
        Ok(Variant { variant, inner })
    }
}

#[derive(Default)]
struct Items(Vec<Value>);

#[derive(Default)]
struct Members {
    members: Map<String, Value>,
    /// The last key of a map, whose value comes next.
    key: String,
}

struct Variant<I> {
    variant: &'static str,
    inner: I,
}

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.0.push(shape(value)?);
        Ok(())
    }
}

impl Members {
    fn insert<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        self.members.insert(name.to_owned(), shape(value)?);
        Ok(())
    }
}

macro_rules! items {
    ($($of:ident: $method:ident;)*) => {$(
        impl $of for Items {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.push(value)
            }

            fn end(self) -> Result {
                Ok(Value::Array(self.0))
            }
        }
    )*};
}

items! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
}

impl SerializeTupleVariant for Variant<Items> {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.inner.push(value)
    }

    fn end(self) -> Result {
        Ok(object(self.variant, Value::Array(self.inner.0)))
    }
}

impl SerializeMap for Members {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.key = match shape(key)? {
            Value::String(key) => key,
            other => other.to_string(),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let key = std::mem::take(&mut self.key);
        self.insert(&key, value)
    }

    fn end(self) -> Result {
        Ok(Value::Object(self.members))
    }
}

impl SerializeStruct for Members {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<()> {
        self.insert(name, value)
    }

    fn end(self) -> Result {
        Ok(Value::Object(self.members))
    }
}

impl SerializeStructVariant for Variant<Members> {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<()> {
        self.inner.insert(name, value)
    }

    fn end(self) -> Result {
        Ok(object(self.variant, Value::Object(self.inner.members)))
    }
}
