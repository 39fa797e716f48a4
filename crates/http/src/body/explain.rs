//! What serde found wrong with a body, in words for whoever sent it.

use std::borrow::Cow;

use crate::{
    body::scan::shown,
    error::{ApiError, ErrorCode},
};

/// Says which field is wrong and what would be right, and nothing of what was sent: serde repeats
/// the wrong value, which may be a prompt.
pub(crate) fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    // A path has a caller's own keys in it, as long as they please.
    let path = shown(&error.path().to_string());
    let param = if path == "." { None } else { Some(path) };
    let text = error.inner().to_string();
    if let Some(field) = text.strip_prefix("missing field `") {
        let field = field.split('`').next().unwrap_or_default();
        return ApiError::missing(below(param.as_deref(), field));
    }
    if text.starts_with("unknown field `") {
        return ApiError::unknown(param.unwrap_or_default());
    }
    let is_type = text.starts_with("invalid type: ");
    let code = if is_type { ErrorCode::InvalidType } else { ErrorCode::InvalidValue };
    let subject = param.as_deref().unwrap_or("the body");
    let message = match expected(&text) {
        Some(expected) => format!("{subject} must be {expected}"),
        None => format!("{subject} cannot be used as it is"),
    };
    let answer = ApiError::new(code, message);
    match param {
        Some(param) => answer.at(param),
        None => answer,
    }
}

/// What serde expected. It comes last, after all that is the caller's.
fn expected(text: &str) -> Option<Cow<'_, str>> {
    let (_, expected) = text.rsplit_once(", expected ")?;
    let expected = expected.rsplit_once(" at line ").map_or(expected, |(expected, _)| expected);
    Some(match expected {
        "a boolean" => "true or false".into(),
        "a sequence" => "an array".into(),
        "a map" => "an object".into(),
        "f32" | "f64" => "a number".into(),
        "u32" | "u64" => "a whole number that is not negative".into(),
        "i32" | "i64" => "a whole number".into(),
        // serde names Rust's types where a type has no words of its own.
        _ if expected.starts_with("struct ") => "an object".into(),
        _ => expected.into(),
    })
}

fn below(parent: Option<&str>, field: &str) -> String {
    parent.map_or_else(|| field.to_owned(), |parent| format!("{parent}.{field}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Body {
        #[serde(default)]
        numbers: Vec<Inner>,
        #[serde(default)]
        pairs: BTreeMap<String, String>,
        mode: Option<Mode>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        value: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        On,
        Off,
    }

    fn explained(body: &str) -> ApiError {
        let mut json = serde_json::Deserializer::from_str(body);
        explain(&serde_path_to_error::deserialize::<_, Body>(&mut json).unwrap_err())
    }

    #[test]
    fn a_wrong_type_is_named_with_its_place_and_without_its_value() {
        let error = explained(r#"{"numbers":[{"value":1},{"value":"secret, expected `x"}]}"#);
        let right = "numbers[1].value must be a whole number that is not negative";
        assert_eq!(error, ApiError::new(ErrorCode::InvalidType, right).at("numbers[1].value"));
        let error = explained(r#"{"pairs":{"a":1}}"#);
        assert_eq!(
            error,
            ApiError::new(ErrorCode::InvalidType, "pairs.a must be a string").at("pairs.a")
        );
        assert!(format!("{:?}", explained(r#"{"numbers":{}}"#)).contains("an array"));
    }

    #[test]
    fn a_wrong_value_is_named_with_those_that_would_be_right() {
        let error = explained(r#"{"mode":"secret"}"#);
        let right = "mode must be `on` or `off`";
        assert_eq!(error, ApiError::invalid("mode", right));
        let error = explained(r#"{"numbers":[{"value":-1}]}"#);
        assert!(format!("{error:?}").contains("InvalidValue"), "{error:?}");
    }

    #[test]
    fn a_missing_and_an_unknown_field_are_named() {
        let missing = explained(r#"{"numbers":[{}]}"#);
        assert_eq!(missing, ApiError::missing("numbers[0].value"));
        assert_eq!(explained(r#"{"colour":1}"#), ApiError::unknown("colour"));
        let nested = explained(r#"{"numbers":[{"a`, b":1}]}"#);
        assert_eq!(nested, ApiError::unknown("numbers[0].a`, b"));
    }
}
