//! A JSON object in which no member comes twice.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use loquat_domain::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::ClaimPath;

/// The header or the claims of a token.
///
/// A member that comes twice is an error: of two readers one takes the first and one the last,
/// and an attacker lives between them. Names are compared after JSON's escapes are undone, at every
/// depth.
pub(crate) struct Object(Map<String, Value>);

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

    /// A string at a place.
    pub(crate) fn text_at(&self, place: &ClaimPath) -> Result<Option<&str>, WrongType> {
        self.value(place)?.map(|it| it.as_str().ok_or(WrongType)).transpose()
    }

    /// A string, or an array of nothing but strings.
    pub(crate) fn texts(&self, member: &str) -> Result<Option<Vec<&str>>, WrongType> {
        self.0.get(member).map(|it| texts(it).ok_or(WrongType)).transpose()
    }

    /// A string at a place, or an array of nothing but strings.
    pub(crate) fn texts_at(&self, place: &ClaimPath) -> Result<Option<Vec<&str>>, WrongType> {
        self.value(place)?.map(|it| texts(it).ok_or(WrongType)).transpose()
    }

    /// The words in a string, or the strings of an array, each of which is a word; none when there
    /// is nothing at the place.
    pub(crate) fn words(&self, place: &ClaimPath) -> Result<Vec<&str>, WrongType> {
        match self.value(place)? {
            Some(Value::String(text)) => Ok(text.split(' ').filter(|it| !it.is_empty()).collect()),
            Some(value) => texts(value).ok_or(WrongType),
            None => Ok(Vec::new()),
        }
    }

    /// What is at a place. Something on the way that is no object is of the wrong type.
    fn value(&self, place: &ClaimPath) -> Result<Option<&Value>, WrongType> {
        let mut names = place.names().iter();
        let mut found = names.next().and_then(|name| self.0.get(name));
        for name in names {
            let Some(value) = found else { return Ok(None) };
            found = value.as_object().ok_or(WrongType)?.get(name);
        }
        Ok(found)
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

fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Unique::deserialize(deserializer)?.0 {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(D::Error::custom("not an object")),
        }
    }
}

/// A value in which no object has a member twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value whose objects have unique members")
    }

    fn visit_unit<E: Error>(self) -> Result<Unique, E> {
        Ok(Unique(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Unique, A::Error> {
        let mut values = Vec::new();
        while let Some(Unique(value)) = elements.next_element()? {
            values.push(value);
        }
        Ok(Unique(values.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unique(value))) = map.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member comes twice"));
            }
        }
        Ok(Unique(members.into()))
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
        assert!(object(r#"{"a":{"b":[{"c":1,"c":1}]}}"#).is_none(), "at any depth");
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
    fn a_place_is_found_through_objects_only() {
        let claims = object(r#"{"a":{"b":{"c":"x"},"d":["y","z"]},"a.b":"w","e":"u  v"}"#).unwrap();
        let text = |place: &str| claims.text_at(&place.parse().unwrap());
        assert_eq!(text("/a/b/c"), Ok(Some("x")));
        assert_eq!(text("/a.b"), Ok(Some("w")));
        assert_eq!(text("/a/x/c"), Ok(None));
        assert_eq!(text("/x/b/c"), Ok(None));
        assert_eq!(text("/a/b"), Err(WrongType));
        assert_eq!(text("/a/b/c/d"), Err(WrongType));
        assert_eq!(text("/a/d/0"), Err(WrongType));
        let words = |place: &str| claims.words(&place.parse().unwrap());
        assert_eq!(words("/a/d"), Ok(vec!["y", "z"]));
        assert_eq!(words("e"), Ok(vec!["u", "v"]));
        assert_eq!(words("x"), Ok(vec![]));
        assert_eq!(words("a"), Err(WrongType));
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
