//! The first look at a body: whether all of it is sound, and which fields it has.
//!
//! What is read later looks only at the fields that it knows; here everything is seen once, also
//! what is passed on unread.

use std::{cell::Cell, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::{error::Category, value::RawValue};

use crate::error::{ApiError, ErrorCode};

/// One field of a body.
pub(crate) struct Field<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Its value, as it was written.
    pub(crate) value: &'a RawValue,
}

/// The fields of a body, in order.
///
/// # Errors
///
/// A 400 when the body is not one JSON object, when a key comes twice in any object, when any text
/// has NUL in it, or when something is nested deeper than 127 levels.
pub(crate) fn fields(body: &[u8]) -> Result<Vec<Field<'_>>, ApiError> {
    let Fields(fields) = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => ApiError::new(ErrorCode::InvalidType, "the body must be one JSON object"),
        // What serde_json says of broken JSON is what is missing and where, and nothing of it.
        Category::Io | Category::Syntax | Category::Eof => {
            ApiError::new(ErrorCode::InvalidJson, format!("the body is not JSON: {error}"))
        }
    })?;
    let mut names = HashSet::with_capacity(fields.len());
    for Field { name, value } in &fields {
        if name.contains('\0') {
            return Err(ApiError::new(ErrorCode::InvalidText, "a key contains the NUL character"));
        }
        let param = shown(name);
        if !names.insert(name) {
            return Err(twice(param));
        }
        let fault = Cell::new(None);
        let mut json = serde_json::Deserializer::from_str(value.get());
        if let Err(error) = Sound(&fault).deserialize(&mut json) {
            return Err(match fault.get() {
                Some(Fault::KeyTwice) => twice(param),
                Some(Fault::Nul) => ApiError::invalid_text(param),
                None => {
                    ApiError::new(ErrorCode::InvalidJson, format!("{param}: {error}")).at(param)
                }
            });
        }
    }
    Ok(fields)
}

fn twice(param: String) -> ApiError {
    ApiError::new(ErrorCode::InvalidJson, "a key comes twice in one object").at(param)
}

/// As much of a caller's own field name as an error repeats.
pub(crate) fn shown(name: &str) -> String {
    const LONGEST: usize = 64;
    name.chars().take(LONGEST).collect()
}

struct Fields<'a>(Vec<Field<'a>>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    fields.push(Field { name, value });
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// What can be wrong with JSON that is well formed.
#[derive(Debug, Clone, Copy)]
enum Fault {
    KeyTwice,
    Nul,
}

/// Reads a value to its end, keeps nothing, and notes what is wrong with it.
#[derive(Clone, Copy)]
struct Sound<'a>(&'a Cell<Option<Fault>>);

impl Sound<'_> {
    fn fault<E: serde::de::Error>(self, fault: Fault) -> E {
        self.0.set(Some(fault));
        E::custom("")
    }
}

impl<'de> DeserializeSeed<'de> for Sound<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sound<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') { Err(self.fault(Fault::Nul)) } else { Ok(()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            self.visit_str::<A::Error>(&key)?;
            if !keys.insert(key) {
                return Err(self.fault(Fault::KeyTwice));
            }
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        let error = fields(body.as_bytes()).map(|_| ()).unwrap_err();
        format!("{error:?}")
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_at_any_depth_and_however_it_is_spelt() {
        for body in [
            r#"{"input":"a","input":"b"}"#,
            r#"{"input":"a","inp\u0075t":"b"}"#,
            r#"{"input":[{"a":1,"b":{"c":1,"c":2}}]}"#,
        ] {
            let error = refused(body);
            assert!(error.contains("InvalidJson") && error.contains("\"input\""), "{error}");
        }
        assert!(fields(br#"{"a":[{"b":1},{"b":2}]}"#).is_ok());
    }

    #[test]
    fn nul_is_refused_wherever_text_can_be() {
        for body in [
            r#"{"input":"a\u0000b"}"#,
            r#"{"input":{"a":["\u0000"]}}"#,
            r#"{"input":{"\u0000":1}}"#,
            r#"{"\u0000":1}"#,
        ] {
            assert!(refused(body).contains("InvalidText"), "{body}");
        }
        assert!(fields(br#"{"input":"\\u0000"}"#).is_ok(), "six characters that are no NUL");
    }

    #[test]
    fn what_is_not_one_sound_json_object_is_refused() {
        for body in ["", "{}x", "{", "{}{}", "{'a':1}", "{\"a\":1e999}", "{\"a\":\"\\ud83d\"}"] {
            assert!(refused(body).contains("InvalidJson"), "{body}");
        }
        for body in ["[]", "null", "\"secret words\"", "7"] {
            let error = refused(body);
            assert!(error.contains("InvalidType") && !error.contains("secret"), "{error}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(refused(&deep).contains("InvalidJson"));
        assert!(fields(b"{\"a\":\"\xff\"}").is_err(), "not UTF-8");
    }
}
