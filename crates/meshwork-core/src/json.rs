//! Values as JSON that every program reads, and reads alike.
//!
//! # Problem
//! Programs in several languages share values. serde_json reads at most [`DEPTH_MAX`] levels, no half of a surrogate pair and no
//! number beyond a double, while the JSON of browsers has all three. It writes NaN and infinities as `null`. A value that one
//! program writes and another cannot read is lost for the second one.
//!
//! # How it works
//! [`to_vec`] writes a value of Rust, and [`check`] tests a text that somebody else wrote as JSON. Both refuse the same.
//! A text that passes is stored as it is.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt::{self, Display};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serialize, Serializer};

/// Most levels of lists and objects inside one another: serde_json reads no more.
pub const DEPTH_MAX: usize = 127;

/// Why a value is not written, or cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// A number that JSON does not have.
    #[error("{0} is no number in JSON")]
    Number(String),
    /// Lists and objects lie too deep inside one another.
    #[error("a value nested {0} levels deep exceeds the limit of {DEPTH_MAX}")]
    Depth(usize),
    /// Another fault, in words.
    #[error("{0}")]
    Invalid(String),
}

/// The JSON of a value.
///
/// # Errors
/// [`JsonError`]: NaN and infinities are refused, as is all that [`check`] refuses.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, JsonError> {
    value.serialize(Numbers)?;
    let json = serde_json::to_vec(value).map_err(|error| JsonError::Invalid(error.to_string()))?;
    check(&json)?;
    Ok(json)
}

/// Tests that programs in Rust read a text as JSON.
///
/// # Errors
/// [`JsonError`].
pub fn check(json: &[u8]) -> Result<(), JsonError> {
    let Err(error) = serde_json::from_slice::<Readable>(json) else { return Ok(()) };
    match depth(json) {
        depth if depth > DEPTH_MAX => Err(JsonError::Depth(depth)),
        _ => Err(JsonError::Invalid(error.to_string())),
    }
}

/// Levels of lists and objects in a text of JSON.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_text,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Any value: it is read as a whole, and nothing of it is kept.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Readable, D::Error> {
        deserializer.deserialize_any(Readable)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Readable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Readable, E> {
        Ok(self)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Readable, E> {
        Ok(self)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Readable, E> {
        Ok(self)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Readable, E> {
        Ok(self)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Readable, E> {
        Ok(self)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Readable, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Readable, A::Error> {
        while list.next_element::<Readable>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Readable, A::Error> {
        while object.next_entry::<Readable, Readable>()?.is_some() {}
        Ok(self)
    }
}

/// Goes through a value and writes nothing: it fails at the first number that JSON does not have.
#[derive(Clone, Copy)]
struct Numbers;

impl ser::Error for JsonError {
    fn custom<T: Display>(words: T) -> JsonError {
        JsonError::Invalid(words.to_string())
    }
}

/// Methods whose value has no fraction.
macro_rules! passed {
    ($($method:ident($($argument:ty),*)),* $(,)?) => {
        $(fn $method(self, $(_: $argument),*) -> Result<(), JsonError> { Ok(()) })*
    };
}

impl Serializer for Numbers {
    type Ok = ();
    type Error = JsonError;
    type SerializeSeq = Numbers;
    type SerializeTuple = Numbers;
    type SerializeTupleStruct = Numbers;
    type SerializeTupleVariant = Numbers;
    type SerializeMap = Numbers;
    type SerializeStruct = Numbers;
    type SerializeStructVariant = Numbers;

    passed!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_none(),
        serialize_unit(),
        serialize_unit_struct(&'static str),
        serialize_unit_variant(&'static str, u32, &'static str),
    );

    fn serialize_f32(self, value: f32) -> Result<(), JsonError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), JsonError> {
        if value.is_finite() { Ok(()) } else { Err(JsonError::Number(value.to_string())) }
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<(), JsonError> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), JsonError> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Numbers, JsonError> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Numbers, JsonError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Numbers, JsonError> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Numbers, JsonError> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Numbers, JsonError> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Numbers, JsonError> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Numbers, JsonError> {
        Ok(self)
    }
}

/// What holds several values: each is gone through.
macro_rules! holds {
    ($($kind:ident::$method:ident($($name:ty)?)),* $(,)?) => {
        $(impl ser::$kind for Numbers {
            type Ok = ();
            type Error = JsonError;

            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Result<(), JsonError> {
                value.serialize(*self)
            }

            fn end(self) -> Result<(), JsonError> {
                Ok(())
            }
        })*
    };
}

holds!(
    SerializeSeq::serialize_element(),
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(&'static str),
    SerializeStructVariant::serialize_field(&'static str),
);

impl ser::SerializeMap for Numbers {
    type Ok = ();
    type Error = JsonError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), JsonError> {
        key.serialize(*self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        value.serialize(*self)
    }

    fn end(self) -> Result<(), JsonError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::format;
    use alloc::vec;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn unreadable_texts_are_refused_with_the_reason() {
        assert_eq!(check(nested(DEPTH_MAX).as_bytes()), Ok(()));
        assert_eq!(check(nested(130).as_bytes()), Err(JsonError::Depth(130)));
        let words = check(nested(130).as_bytes()).expect_err("it is too deep").to_string();
        assert_eq!(words, "a value nested 130 levels deep exceeds the limit of 127");
        let halves = [r#""\ud83d""#, r#"{"\ude00":1}"#, r#"["a", "\ud83d x"]"#];
        for text in halves.into_iter().chain(["1e999", "", "{", "[1,]", "nul", "1 2", "\"\u{1}\""]) {
            assert!(matches!(check(text.as_bytes()), Err(JsonError::Invalid(_))), "{text}");
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text} is read");
        }
        let fit = [
            "-0",
            "100000000000000000000",
            "1.1e24",
            r#"{"b":1,"a":2,"b":3}"#,
            r#""\ud83d\ude00 [[[ \" ""#,
            " null ",
        ];
        for text in fit {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn numbers_that_json_lacks_are_refused() {
        #[derive(serde::Serialize)]
        enum Shape {
            At(f32, f32),
            Named { width: f64 },
            Of(f64),
        }
        let infinite = BTreeMap::from([("width", Some(vec![1.0, f64::INFINITY]))]);
        assert_eq!(to_vec(&f64::NAN), Err(JsonError::Number("NaN".into())));
        assert_eq!(to_vec(&infinite), Err(JsonError::Number("inf".into())));
        assert!(to_vec(&(1, Shape::At(0.0, f32::NEG_INFINITY))).is_err());
        assert!(to_vec(&[Shape::Named { width: f64::NAN }]).is_err());
        assert!(to_vec(&Shape::Of(f64::NAN)).is_err());
        let fit = (Shape::At(0.5, 1.0), Shape::Named { width: 2.0 }, None::<f64>, Shape::Of(-0.0));
        let json = r#"[{"At":[0.5,1.0]},{"Named":{"width":2.0}},null,{"Of":-0.0}]"#;
        assert_eq!(to_vec(&fit), Ok(json.into()));
    }

    proptest! {
        /// From 0.1 to 1e300, with 15 to 17 digits, as calculators and other programs write them.
        #[test]
        fn numbers_are_read_as_they_are_written(digits in 15_usize..=17, seed in 1_u64..u64::MAX, exponent in -1_i32..300) {
            let digits = &format!("{:019}", seed % 9_000_000_000_000_000_000 + 1_000_000_000_000_000_000)[..digits];
            let text = format!("{}.{}e{exponent}", &digits[..1], &digits[1..]);
            let exact: f64 = text.parse().expect("a number");
            prop_assert_eq!(serde_json::from_str::<f64>(&text).expect("it is read").to_bits(), exact.to_bits(), "{}", text);
            let value: Value = serde_json::from_slice(&to_vec(&exact).expect("finite")).expect("it is read");
            prop_assert_eq!(value.as_f64().expect("a number").to_bits(), exact.to_bits(), "{}", text);
        }

        #[test]
        fn what_passes_is_read(text in r#"[\[\]{}:,"\\ua-f0-9.eE+ -]{0,40}"#) {
            prop_assert_eq!(check(text.as_bytes()).is_ok(), serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        }
    }
}
