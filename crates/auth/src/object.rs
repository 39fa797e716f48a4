//! A JSON object in which no member comes twice.

use std::{collections::BTreeMap, fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use loquat_domain::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::Value;

/// The header or the claims of a token.
///
/// A member that comes twice is an error: of two readers one takes the first and one the last,
/// and an attacker lives between them. Names are compared after JSON's escapes are undone. Only
/// the top level is ever read, so only there is it checked.
pub(crate) struct Object(BTreeMap<String, Value>);

/// A member is there but is not of the asked type. JSON's `null` counts as there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongType;

impl Object {
    /// Decodes a part of a token: base64url without padding, then exactly one JSON object.
    pub(crate) fn decode(part: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice(&json).ok()
    }

    pub(crate) fn has(&self, member: &str) -> bool {
        self.0.contains_key(member)
    }

    /// A string.
    pub(crate) fn text(&self, member: &str) -> Result<Option<&str>, WrongType> {
        self.0.get(member).map(|it| it.as_str().ok_or(WrongType)).transpose()
    }

    /// A string, or an array of nothing but strings.
    pub(crate) fn texts(&self, member: &str) -> Result<Option<Vec<&str>>, WrongType> {
        match self.0.get(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(values)) => {
                let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
                texts.map(Some).ok_or(WrongType)
            }
            Some(_) => Err(WrongType),
        }
    }

    /// A `NumericDate` of RFC 7519 §2: seconds since the epoch, possibly with a fraction. What
    /// lies beyond our range is the far future; what lies before the epoch is no date.
    pub(crate) fn time(&self, member: &str) -> Result<Option<Timestamp>, WrongType> {
        let date = |value: &Value| {
            let since_epoch = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
            Some(Timestamp::from_micros(0).plus(since_epoch))
        };
        self.0.get(member).map(|it| date(it).ok_or(WrongType)).transpose()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with unique members")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member comes twice"));
                    }
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> Option<Object> {
        Object::decode(&URL_SAFE_NO_PAD.encode(json))
    }

    #[test]
    fn a_member_that_comes_twice_is_refused_however_it_is_spelt() {
        assert!(object(r#"{"sub":"a","sub":"b"}"#).is_none());
        assert!(object(r#"{"sub":"a","\u0073ub":"b"}"#).is_none());
        assert!(object(r#"{"sub":"a","Sub":"b"}"#).is_some());
    }

    #[test]
    fn only_one_object_and_nothing_else_is_read() {
        for json in ["", "[]", "null", "\"x\"", "1", "{}{}", "{} x", "\u{feff}{}", "{\"a\":}"] {
            assert!(object(json).is_none(), "{json:?}");
        }
        assert!(Object::decode("e30").is_some());
        assert!(Object::decode("e30=").is_none(), "padding");
        assert!(Object::decode("e31").is_none(), "bits that mean nothing");
    }

    #[test]
    fn a_date_may_have_a_fraction_and_no_size_breaks_it() {
        let read = |json: &str| object(json).unwrap().time("t");
        assert_eq!(read(r#"{"t":1.5}"#), Ok(Some(Timestamp::from_micros(1_500_000))));
        assert_eq!(read(r#"{"t":1e18}"#), Ok(Some(Timestamp::from_micros(i64::MAX))));
        assert_eq!(read(r#"{"t":1e300}"#), Err(WrongType));
        assert_eq!(read(r#"{"t":-1}"#), Err(WrongType));
        assert_eq!(read("{}"), Ok(None));
    }
}
