//! JSON objects whose fields must be there.

use serde_json::{Map, Value};

use super::{Rule, rule};

/// A JSON object, and what it is called in a violation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) map: &'a Map<String, Value>,
    name: &'a str,
}

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value, name: &'a str) -> Rule<Self> {
        let map = value.as_object().ok_or_else(|| format!("{name} is no object: {value}"))?;
        Ok(Self { map, name })
    }

    fn wrong(&self, key: &str, wanted: &str) -> String {
        let found =
            self.map.get(key).map_or_else(|| "is missing".to_owned(), |it| format!("is {it}"));
        format!("`{key}` of {} must be {wanted}, but {found}", self.name)
    }

    fn wanted<T>(&self, key: &str, wanted: &str, found: Option<T>) -> Rule<T> {
        found.ok_or_else(|| self.wrong(key, wanted))
    }

    /// A field that must be there, but may be null.
    pub(super) fn nullable(&self, key: &str) -> Rule<Option<&'a Value>> {
        let value = self.wanted(key, "there, if only as null", self.map.get(key))?;
        Ok(Some(value).filter(|value| !value.is_null()))
    }

    pub(super) fn string(&self, key: &str) -> Rule<&'a str> {
        self.wanted(key, "a string", self.map.get(key).and_then(Value::as_str))
    }

    /// A string that says something.
    pub(super) fn text(&self, key: &str) -> Rule<&'a str> {
        let text = self.string(key)?;
        self.wanted(key, "a string that is not empty", Some(text).filter(|text| !text.is_empty()))
    }

    pub(super) fn integer(&self, key: &str) -> Rule<u64> {
        self.wanted(key, "an integer without a sign", self.map.get(key).and_then(Value::as_u64))
    }

    pub(super) fn number(&self, key: &str) -> Rule<f64> {
        self.wanted(key, "a number", self.map.get(key).and_then(Value::as_f64))
    }

    pub(super) fn boolean(&self, key: &str) -> Rule<bool> {
        self.wanted(key, "true or false", self.map.get(key).and_then(Value::as_bool))
    }

    pub(super) fn array(&self, key: &str) -> Rule<&'a Vec<Value>> {
        self.wanted(key, "an array", self.map.get(key).and_then(Value::as_array))
    }

    pub(super) fn object(&self, key: &'a str) -> Rule<Fields<'a>> {
        let value = self.map.get(key).filter(|value| value.is_object());
        Fields::of(self.wanted(key, "an object", value)?, key)
    }

    /// An object that must be there, but may be null.
    pub(super) fn nullable_object(&self, key: &'a str) -> Rule<Option<Fields<'a>>> {
        self.nullable(key)?.map(|value| Fields::of(value, key)).transpose()
    }

    /// A string that must be there, but may be null.
    pub(super) fn nullable_string(&self, key: &str) -> Rule<Option<&'a str>> {
        match self.nullable(key)? {
            None => Ok(None),
            Some(value) => self.wanted(key, "a string or null", value.as_str()).map(Some),
        }
    }

    /// An integer that must be there, but may be null.
    pub(super) fn nullable_integer(&self, key: &str) -> Rule<Option<u64>> {
        match self.nullable(key)? {
            None => Ok(None),
            Some(value) => self.wanted(key, "an integer or null", value.as_u64()).map(Some),
        }
    }

    /// A string that is one of these.
    pub(super) fn one_of(&self, key: &str, choices: &[&str]) -> Rule<&'a str> {
        let found = self.string(key)?;
        let wanted = || self.wrong(key, &format!("one of {choices:?}"));
        choices.contains(&found).then_some(found).ok_or_else(wanted)
    }

    /// A field that must have exactly this value.
    pub(super) fn exactly(&self, key: &str, expected: impl Into<Value>) -> Rule {
        let expected = expected.into();
        rule(self.map.get(key) == Some(&expected), || self.wrong(key, &expected.to_string()))
    }

    /// Whether the field is there and not null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(|value| !value.is_null())
    }
}
