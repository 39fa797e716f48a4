//! Limits of single values.

use std::{collections::BTreeMap, ops::RangeInclusive};

use loquat_domain::{Metadata, RawJson, ReasoningEffort, Timestamp};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::error::ApiError;

/// The most characters that the name of a function or of a schema may have, as at OpenAI.
const MAX_NAME: usize = 64;

/// The most characters of a `call_id`. OpenAI's have at most 64, but other providers make longer
/// ones, and a client must be able to send back what it was given.
const MAX_CALL_ID: usize = 256;

/// The last second that ISO 8601 writes with four digits of a year: 9999-12-31 23:59:59 UTC.
const LAST_SECOND: i64 = 253_402_300_799;

/// Tells a field that is null from one that is absent.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A number that must lie in a range, if it is given.
pub(crate) fn within(
    param: &'static str,
    value: Option<f64>,
    range: RangeInclusive<f64>,
) -> Result<Option<f64>, ApiError> {
    match value {
        Some(value) if !range.contains(&value) => {
            let message = format!("{param} is a number from {} to {}", range.start(), range.end());
            Err(ApiError::invalid(param, message))
        }
        _ => Ok(value),
    }
}

/// A count of tokens that must not be too small, if it is given.
pub(crate) fn at_least(
    param: &'static str,
    value: Option<u32>,
    least: u32,
) -> Result<Option<u32>, ApiError> {
    match value {
        Some(value) if value < least => {
            Err(ApiError::invalid(param, format!("{param} is at least {least}")))
        }
        _ => Ok(value),
    }
}

/// A moment in seconds since the epoch.
pub(crate) fn timestamp(param: &'static str, secs: i64) -> Result<Timestamp, ApiError> {
    if (0..=LAST_SECOND).contains(&secs) {
        Ok(Timestamp::from_micros(secs * 1_000_000))
    } else {
        Err(ApiError::invalid(param, format!("{param} is a time in seconds since the epoch")))
    }
}

/// The name of a function or of a schema.
pub(crate) fn name(text: Option<String>, param: String) -> Result<String, ApiError> {
    text_of(text, param, MAX_NAME)
}

/// What ties a function call to its output.
pub(crate) fn call_id(text: Option<String>, param: String) -> Result<String, ApiError> {
    text_of(text, param, MAX_CALL_ID)
}

fn text_of(text: Option<String>, param: String, longest: usize) -> Result<String, ApiError> {
    match text {
        Some(text) if (1..=longest).contains(&text.chars().count()) => Ok(text),
        Some(_) => {
            let message = format!("{param} has 1 to {longest} characters");
            Err(ApiError::invalid(param, message))
        }
        None => Err(ApiError::missing(param)),
    }
}

/// A JSON Schema, passed on unread.
pub(crate) fn schema(json: &RawValue, param: String) -> Result<RawJson, ApiError> {
    if json.get().starts_with('{') {
        Ok(RawJson::from_checked(json.get()))
    } else {
        let message = format!("{param} must be an object");
        Err(ApiError::invalid(param, message))
    }
}

/// A caller's own key-value pairs.
pub(crate) fn metadata(pairs: Option<BTreeMap<String, String>>) -> Result<Metadata, ApiError> {
    Metadata::new(pairs.unwrap_or_default())
        .map_err(|error| ApiError::invalid("metadata", error.to_string()))
}

/// How hard to think.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReasoningEffort)]
pub(crate) enum EffortBody {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
}

impl From<EffortBody> for ReasoningEffort {
    fn from(effort: EffortBody) -> Self {
        match effort {
            EffortBody::None => Self::None,
            EffortBody::Minimal => Self::Minimal,
            EffortBody::Low => Self::Low,
            EffortBody::Medium => Self::Medium,
            EffortBody::High => Self::High,
            EffortBody::Xhigh => Self::ExtraHigh,
        }
    }
}
