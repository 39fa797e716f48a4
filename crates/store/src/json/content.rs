//! What an item says.

use std::borrow::Cow;

use loquat_domain::{
    Compaction, FunctionCall, FunctionCallOutput, ImageDetail, ItemContent, Message, Part, Phase,
    Reasoning, Role,
};
use serde::{Deserialize, Serialize};

use super::{V1, names, read, write};
use crate::StoreError;

/// Writes what an item says.
pub fn encode_content(content: &ItemContent) -> String {
    write(&VersionedJson { v: V1, content: content.into() })
}

/// Reads what [`encode_content`] wrote.
///
/// # Errors
///
/// [`StoreError::Corrupt`] when this version cannot read it.
pub fn decode_content(json: &str) -> Result<ItemContent, StoreError> {
    read("content", json).map(|form: VersionedJson<'_>| form.content.into())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionedJson<'a> {
    v: V1,
    #[serde(borrow)]
    content: ContentJson<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ContentJson<'a> {
    #[serde(borrow)]
    Message(MessageJson<'a>),
    FunctionCall(FunctionCallJson<'a>),
    FunctionCallOutput(FunctionCallOutputJson<'a>),
    Reasoning(ReasoningJson<'a>),
    Compaction(CompactionJson<'a>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageJson<'a> {
    role: RoleJson,
    #[serde(borrow)]
    parts: Vec<PartJson<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phase: Option<PhaseJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum PartJson<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Refusal(#[serde(borrow)] Cow<'a, str>),
    Image {
        #[serde(borrow)]
        url: Cow<'a, str>,
        detail: ImageDetailJson,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FunctionCallJson<'a> {
    #[serde(borrow)]
    call_id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    arguments: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FunctionCallOutputJson<'a> {
    #[serde(borrow)]
    call_id: Cow<'a, str>,
    #[serde(borrow)]
    output: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasoningJson<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    summary: Vec<Cow<'a, str>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    encrypted: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompactionJson<'a> {
    #[serde(borrow)]
    encrypted: Cow<'a, str>,
}

names! {
    RoleJson = Role {
        System = "system",
        Developer = "developer",
        User = "user",
        Assistant = "assistant",
    }
    PhaseJson = Phase {
        Commentary = "commentary",
        FinalAnswer = "final_answer",
    }
    ImageDetailJson = ImageDetail {
        Low = "low",
        High = "high",
        Auto = "auto",
    }
}

impl<'a> From<&'a ItemContent> for ContentJson<'a> {
    fn from(content: &'a ItemContent) -> Self {
        match content {
            ItemContent::Message(Message { role, parts, phase }) => Self::Message(MessageJson {
                role: (*role).into(),
                parts: parts.iter().map(PartJson::from).collect(),
                phase: phase.map(PhaseJson::from),
            }),
            ItemContent::FunctionCall(FunctionCall { call_id, name, arguments }) => {
                Self::FunctionCall(FunctionCallJson {
                    call_id: call_id.into(),
                    name: name.into(),
                    arguments: arguments.into(),
                })
            }
            ItemContent::FunctionCallOutput(FunctionCallOutput { call_id, output }) => {
                Self::FunctionCallOutput(FunctionCallOutputJson {
                    call_id: call_id.into(),
                    output: output.into(),
                })
            }
            ItemContent::Reasoning(Reasoning { text, summary, encrypted }) => {
                Self::Reasoning(ReasoningJson {
                    text: text.into(),
                    summary: summary.iter().map(Cow::from).collect(),
                    encrypted: encrypted.as_deref().map(Cow::from),
                })
            }
            ItemContent::Compaction(Compaction { encrypted }) => {
                Self::Compaction(CompactionJson { encrypted: encrypted.into() })
            }
        }
    }
}

impl From<ContentJson<'_>> for ItemContent {
    fn from(form: ContentJson<'_>) -> Self {
        match form {
            ContentJson::Message(MessageJson { role, parts, phase }) => Self::Message(Message {
                role: role.into(),
                parts: parts.into_iter().map(Part::from).collect(),
                phase: phase.map(Phase::from),
            }),
            ContentJson::FunctionCall(FunctionCallJson { call_id, name, arguments }) => {
                Self::FunctionCall(FunctionCall {
                    call_id: call_id.into_owned(),
                    name: name.into_owned(),
                    arguments: arguments.into_owned(),
                })
            }
            ContentJson::FunctionCallOutput(FunctionCallOutputJson { call_id, output }) => {
                Self::FunctionCallOutput(FunctionCallOutput {
                    call_id: call_id.into_owned(),
                    output: output.into_owned(),
                })
            }
            ContentJson::Reasoning(ReasoningJson { text, summary, encrypted }) => {
                Self::Reasoning(Reasoning {
                    text: text.into_owned(),
                    summary: summary.into_iter().map(Cow::into_owned).collect(),
                    encrypted: encrypted.map(Cow::into_owned),
                })
            }
            ContentJson::Compaction(CompactionJson { encrypted }) => {
                Self::Compaction(Compaction { encrypted: encrypted.into_owned() })
            }
        }
    }
}

impl<'a> From<&'a Part> for PartJson<'a> {
    fn from(part: &'a Part) -> Self {
        match part {
            Part::Text(text) => Self::Text(text.into()),
            Part::Refusal(text) => Self::Refusal(text.into()),
            Part::Image { url, detail } => {
                Self::Image { url: url.into(), detail: (*detail).into() }
            }
        }
    }
}

impl From<PartJson<'_>> for Part {
    fn from(form: PartJson<'_>) -> Self {
        match form {
            PartJson::Text(text) => Self::Text(text.into_owned()),
            PartJson::Refusal(text) => Self::Refusal(text.into_owned()),
            PartJson::Image { url, detail } => {
                Self::Image { url: url.into_owned(), detail: detail.into() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn pinned(content: &ItemContent, json: &str) {
        assert_eq!(encode_content(content), json);
        assert_eq!(decode_content(json).unwrap(), *content);
    }

    #[test]
    fn a_message_is_written_like_this() {
        let message = Message {
            role: Role::Assistant,
            parts: vec![
                Part::Text("a \"quoted\" line\n\u{2028}🥭".to_owned()),
                Part::Refusal("no".to_owned()),
                Part::Image {
                    url: "https://example.org/a.png".to_owned(),
                    detail: ImageDetail::Low,
                },
            ],
            phase: Some(Phase::FinalAnswer),
        };
        pinned(
            &ItemContent::Message(message),
            "{\"v\":1,\"content\":{\"message\":{\"role\":\"assistant\",\"parts\":[\
             {\"text\":\"a \\\"quoted\\\" line\\n\u{2028}🥭\"},{\"refusal\":\"no\"},\
             {\"image\":{\"url\":\"https://example.org/a.png\",\"detail\":\"low\"}}],\
             \"phase\":\"final_answer\"}}}",
        );
    }

    #[test]
    fn a_plain_message_has_nothing_but_role_and_parts() {
        pinned(
            &ItemContent::Message(Message::text(Role::User, "hi")),
            r#"{"v":1,"content":{"message":{"role":"user","parts":[{"text":"hi"}]}}}"#,
        );
    }

    #[test]
    fn a_function_call_and_its_output_are_written_like_this() {
        pinned(
            &ItemContent::FunctionCall(FunctionCall {
                call_id: "call_1".to_owned(),
                name: "weather".to_owned(),
                arguments: r#"{"at":"Jena"}"#.to_owned(),
            }),
            r#"{"v":1,"content":{"function_call":{"call_id":"call_1","name":"weather","arguments":"{\"at\":\"Jena\"}"}}}"#,
        );
        pinned(
            &ItemContent::FunctionCallOutput(FunctionCallOutput {
                call_id: "call_1".to_owned(),
                output: "rain".to_owned(),
            }),
            r#"{"v":1,"content":{"function_call_output":{"call_id":"call_1","output":"rain"}}}"#,
        );
    }

    #[test]
    fn reasoning_is_written_like_this() {
        pinned(
            &ItemContent::Reasoning(Reasoning {
                text: "hm".to_owned(),
                summary: vec!["thought".to_owned()],
                encrypted: Some("c2VhbGVk".to_owned()),
            }),
            r#"{"v":1,"content":{"reasoning":{"text":"hm","summary":["thought"],"encrypted":"c2VhbGVk"}}}"#,
        );
        pinned(
            &ItemContent::Reasoning(Reasoning::default()),
            r#"{"v":1,"content":{"reasoning":{"text":""}}}"#,
        );
    }

    #[test]
    fn a_compaction_is_written_like_this() {
        pinned(
            &ItemContent::Compaction(Compaction { encrypted: "c2VhbGVk".to_owned() }),
            r#"{"v":1,"content":{"compaction":{"encrypted":"c2VhbGVk"}}}"#,
        );
    }

    #[test]
    fn what_this_version_does_not_know_is_corrupt() {
        for json in [
            "",
            "{}",
            r#"{"content":{"reasoning":{"text":""}}}"#,
            r#"{"v":2,"content":{"reasoning":{"text":""}}}"#,
            r#"{"v":"1","content":{"reasoning":{"text":""}}}"#,
            r#"{"v":1,"content":{"poem":{"text":""}}}"#,
            r#"{"v":1,"content":{"reasoning":{"text":"","mood":"gay"}}}"#,
            r#"{"v":1,"content":{"message":{"role":"tool","parts":[]}}}"#,
            r#"{"v":1,"content":{"message":{"role":"user","parts":[{"sound":"la"}]}}}"#,
            r#"{"v":1,"content":{"reasoning":{"text":""}}"#,
            r#"{"v":1,"content":{"reasoning":{"text":""},"reasoning":{"text":""}}}"#,
        ] {
            let read = decode_content(json);
            assert!(
                matches!(read, Err(StoreError::Corrupt { column: "content" })),
                "{json}: {read:?}"
            );
        }
    }
}
