//! What a response used.

use loquat_domain::Usage;
use serde::{Deserialize, Serialize};

use super::{V1, read, write};
use crate::StoreError;

/// Writes what a response used.
pub fn encode_usage(usage: &Usage) -> String {
    write(&UsageJson::from(*usage))
}

/// Reads what [`encode_usage`] wrote.
///
/// # Errors
///
/// [`StoreError::Corrupt`] when this version cannot read it.
pub fn decode_usage(json: &str) -> Result<Usage, StoreError> {
    read("usage", json).map(|form: UsageJson| form.into())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageJson {
    v: V1,
    input_tokens: u64,
    cached_tokens: u64,
    cache_write_tokens: u64,
    output_tokens: u64,
    reasoning_tokens: u64,
    estimated: bool,
}

impl From<Usage> for UsageJson {
    fn from(usage: Usage) -> Self {
        let Usage {
            input_tokens,
            cached_tokens,
            cache_write_tokens,
            output_tokens,
            reasoning_tokens,
            estimated,
        } = usage;
        Self {
            v: V1,
            input_tokens,
            cached_tokens,
            cache_write_tokens,
            output_tokens,
            reasoning_tokens,
            estimated,
        }
    }
}

impl From<UsageJson> for Usage {
    fn from(form: UsageJson) -> Self {
        Self {
            input_tokens: form.input_tokens,
            cached_tokens: form.cached_tokens,
            cache_write_tokens: form.cache_write_tokens,
            output_tokens: form.output_tokens,
            reasoning_tokens: form.reasoning_tokens,
            estimated: form.estimated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_written_like_this() {
        let usage = Usage {
            input_tokens: u64::MAX,
            cached_tokens: 2,
            cache_write_tokens: 3,
            output_tokens: 4,
            reasoning_tokens: 5,
            estimated: true,
        };
        let json = r#"{"v":1,"input_tokens":18446744073709551615,"cached_tokens":2,"cache_write_tokens":3,"output_tokens":4,"reasoning_tokens":5,"estimated":true}"#;
        assert_eq!(encode_usage(&usage), json);
        assert_eq!(decode_usage(json).unwrap(), usage);
    }

    #[test]
    fn usage_of_a_later_version_is_corrupt() {
        let later = encode_usage(&Usage::default()).replace("\"v\":1", "\"v\":2");
        let read = decode_usage(&later);
        assert!(matches!(read, Err(StoreError::Corrupt { column: "usage" })), "{read:?}");
    }
}
