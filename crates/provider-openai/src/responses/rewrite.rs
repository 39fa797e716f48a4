//! A request without sealed thoughts.

use std::collections::BTreeMap;

use loquat_provider_http::WireText;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

/// True when an error's words are about sealed thoughts: `invalid_encrypted_content`, "The encrypted
/// content … could not be verified", "Encrypted content is not supported with this model".
pub(super) fn is_about_seals(words: &[u8]) -> bool {
    let words = words.to_ascii_lowercase();
    [&b"encrypted_content"[..], b"encrypted content"]
        .iter()
        .any(|word| words.windows(word.len()).any(|window| window == *word))
}

/// The body without the thoughts in its input; when there are none, without the wish for new ones.
/// Everything else stays as it was, byte for byte. `None` when nothing is left to leave out.
pub(super) fn unsealed(body: &[u8]) -> Option<Vec<u8>> {
    let mut fields: BTreeMap<&str, &RawValue> = serde_json::from_slice(body).ok()?;
    let mut input: Vec<&RawValue> = serde_json::from_str(fields.get("input")?.get()).ok()?;
    let before = input.len();
    input.retain(|item| !is_thought(item));
    if input.len() == before {
        fields.remove("include")?;
        return serde_json::to_vec(&fields).ok();
    }
    let input = to_raw_value(&input).ok()?;
    fields.insert("input", &input);
    serde_json::to_vec(&fields).ok()
}

fn is_thought(item: &RawValue) -> bool {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Kind<'a> {
        #[serde(borrow, rename = "type")]
        kind: WireText<'a>,
    }
    serde_json::from_str(item.get()).is_ok_and(|Kind { kind }| &*kind.0 == b"reasoning")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_the_thoughts_go_then_the_wish_for_them_then_nothing_is_left() {
        let body = r#"{"model":"m","input":[{"type":"message","role":"user","content":"\"type\":\"reasoning\""},{"type":"reasoning","summary":[],"encrypted_content":"x"},{"type":"message","role":"assistant","content":"a"}],"include":["reasoning.encrypted_content"],"tools":[{"parameters":{ "z":1.0, "a":2}}]}"#;
        let without = unsealed(body.as_bytes()).unwrap();
        let expected = r#"{"include":["reasoning.encrypted_content"],"input":[{"type":"message","role":"user","content":"\"type\":\"reasoning\""},{"type":"message","role":"assistant","content":"a"}],"model":"m","tools":[{"parameters":{ "z":1.0, "a":2}}]}"#;
        assert_eq!(String::from_utf8(without.clone()).unwrap(), expected);
        let unasked = unsealed(&without).unwrap();
        assert!(!String::from_utf8_lossy(&unasked).contains("include"));
        assert_eq!(unsealed(&unasked), None);
    }

    #[test]
    fn an_error_about_seals_is_known_by_its_words() {
        for words in [
            r#"{"error":{"code":"invalid_encrypted_content","message":"x"}}"#,
            r#"{"error":{"message":"The encrypted content gAAA...c90= could not be verified."}}"#,
            r#"{"error":{"message":"Encrypted content is not supported with this model."}}"#,
        ] {
            assert!(is_about_seals(words.as_bytes()), "{words}");
        }
        assert!(!is_about_seals(br#"{"error":{"message":"bad temperature"}}"#));
    }
}
