//! A request without thoughts.

use std::collections::BTreeMap;

use loquat_provider_http::WireText;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// True when an error's words are about thoughts: a signature that is not, or no longer, the
/// endpoint's ("Invalid `signature` in `thinking` block"), thoughts in a place where the model wants
/// none, a way to think that it does not know ("thinking.type.enabled is not supported").
pub(crate) fn is_about_thoughts(words: &[u8]) -> bool {
    words.to_ascii_lowercase().windows(b"thinking".len()).any(|window| window == b"thinking")
}

/// The body without the thoughts in its messages and without the wish for new ones, which some models
/// refuse in the middle of an answer that began without any. Everything else stays as it was, byte for byte. `None` when nothing is left to leave out.
pub(crate) fn without_thoughts(body: &[u8]) -> Option<Vec<u8>> {
    let mut fields: BTreeMap<&str, &RawValue> = serde_json::from_slice(body).ok()?;
    let mut messages: Vec<Message<'_>> =
        serde_json::from_str(fields.get("messages")?.get()).ok()?;
    let mut has_any = false;
    for message in &mut messages {
        let before = message.content.len();
        message.content.retain(|block| !is_thought(block));
        has_any |= message.content.len() < before;
    }
    let is_wished = fields.remove("thinking").is_some();
    if !has_any {
        return is_wished.then(|| serde_json::to_vec(&fields).ok()).flatten();
    }
    // The wire refuses a message of nothing, and puts neighbours of one speaker together.
    messages.retain(|message| !message.content.is_empty());
    let messages = to_raw_value(&messages).ok()?;
    fields.insert("messages", &messages);
    serde_json::to_vec(&fields).ok()
}

#[derive(Deserialize, Serialize)]
struct Message<'a> {
    role: &'a str,
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
}

fn is_thought(block: &RawValue) -> bool {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Kind<'a> {
        #[serde(borrow, rename = "type")]
        kind: WireText<'a>,
    }
    serde_json::from_str(block.get())
        .is_ok_and(|Kind { kind }| matches!(&*kind.0, b"thinking" | b"redacted_thinking"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(body: &str) -> Option<String> {
        without_thoughts(body.as_bytes()).map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn thoughts_go_and_the_wish_for_them_and_then_nothing_is_left() {
        let body = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"\"type\":\"thinking\""}]},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"tool_use","input":{ "z":1.0, "a":2}}]},{"role":"assistant","content":[{"type":"redacted_thinking","data":"d"}]}],"thinking":{"type":"adaptive"}}"#;
        let expected = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"\"type\":\"thinking\""}]},{"role":"assistant","content":[{"type":"tool_use","input":{ "z":1.0, "a":2}}]}]}"#;
        assert_eq!(without(body).as_deref(), Some(expected));
        assert_eq!(without(expected), None);
    }

    #[test]
    fn a_wish_alone_goes_as_well() {
        let body = r#"{"messages":[],"thinking":{"type":"enabled","budget_tokens":1024}}"#;
        assert_eq!(without(body).as_deref(), Some(r#"{"messages":[]}"#));
    }
}
