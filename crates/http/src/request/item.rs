//! Items as callers send them.

use loquat_domain::{
    Compaction, FunctionCall, FunctionCallOutput, ItemContent, Message, Part, Phase, Reasoning,
    Role,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{part::PartBody, value};
use crate::{error::ApiError, text_or::TextOr};

/// An item. `type` says which of the other fields count; whatever else an item has that the server
/// once sent (`id`, `status`, `annotations`, …) may be sent back and is ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = InputItem)]
pub(crate) struct ItemBody {
    /// `message` (the default; with `role`, `content`, `phase`), `function_call` (with `call_id`,
    /// `name`, `arguments`), `function_call_output` (with `call_id`, `output`), `reasoning` (with
    /// `summary`, `content`, `encrypted_content`) or `compaction` (with `encrypted_content`).
    #[serde(rename = "type")]
    #[schema(example = "message")]
    kind: Option<String>,
    role: Option<RoleBody>,
    content: Option<TextOr<Vec<PartBody>>>,
    phase: Option<PhaseBody>,
    call_id: Option<String>,
    name: Option<String>,
    /// JSON, as the model wrote it.
    arguments: Option<String>,
    output: Option<TextOr<Vec<PartBody>>>,
    summary: Option<Vec<PartBody>>,
    encrypted_content: Option<String>,
}

/// Who said a message.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub(crate) enum RoleBody {
    System,
    Developer,
    User,
    Assistant,
}

impl From<RoleBody> for Role {
    fn from(role: RoleBody) -> Self {
        match role {
            RoleBody::System => Self::System,
            RoleBody::Developer => Self::Developer,
            RoleBody::User => Self::User,
            RoleBody::Assistant => Self::Assistant,
        }
    }
}

/// Whether an assistant's message was a remark on the way or the answer.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Phase)]
pub(crate) enum PhaseBody {
    Commentary,
    FinalAnswer,
}

impl From<PhaseBody> for Phase {
    fn from(phase: PhaseBody) -> Self {
        match phase {
            PhaseBody::Commentary => Self::Commentary,
            PhaseBody::FinalAnswer => Self::FinalAnswer,
        }
    }
}

/// What the items of the field `param` say.
pub(crate) fn contents(
    items: Vec<ItemBody>,
    param: &'static str,
) -> Result<Vec<ItemContent>, ApiError> {
    let numbered = items.into_iter().enumerate();
    numbered.map(|(index, item)| item.content(&format!("{param}[{index}]"))).collect()
}

impl ItemBody {
    fn content(self, at: &str) -> Result<ItemContent, ApiError> {
        match self.kind.as_deref() {
            None | Some("message") => self.message(at).map(ItemContent::Message),
            Some("function_call") => self.function_call(at).map(ItemContent::FunctionCall),
            Some("function_call_output") => {
                self.function_call_output(at).map(ItemContent::FunctionCallOutput)
            }
            Some("reasoning") => self.reasoning(at).map(ItemContent::Reasoning),
            Some("compaction") => self.compaction(at).map(ItemContent::Compaction),
            Some(_) => Err(ApiError::unsupported(format!("{at}.type"))),
        }
    }

    fn message(self, at: &str) -> Result<Message, ApiError> {
        let role = self.role.ok_or_else(|| ApiError::missing(format!("{at}.role")))?.into();
        let parts = match self.content {
            Some(TextOr::Text(text)) => vec![Part::Text(text)],
            Some(TextOr::Other(parts)) => {
                each(parts, at, "content", |part, at| part.of_message(role, at))?
            }
            None => return Err(ApiError::missing(format!("{at}.content"))),
        };
        let phase = self.phase.filter(|_| role == Role::Assistant).map(Into::into);
        Ok(Message { role, parts, phase })
    }

    fn function_call(self, at: &str) -> Result<FunctionCall, ApiError> {
        Ok(FunctionCall {
            call_id: value::call_id(self.call_id, format!("{at}.call_id"))?,
            name: value::name(self.name, format!("{at}.name"))?,
            arguments: self
                .arguments
                .ok_or_else(|| ApiError::missing(format!("{at}.arguments")))?,
        })
    }

    fn function_call_output(self, at: &str) -> Result<FunctionCallOutput, ApiError> {
        let output = match self.output {
            Some(TextOr::Text(text)) => text,
            Some(TextOr::Other(parts)) => each(parts, at, "output", PartBody::only_text)?.concat(),
            None => return Err(ApiError::missing(format!("{at}.output"))),
        };
        Ok(FunctionCallOutput {
            call_id: value::call_id(self.call_id, format!("{at}.call_id"))?,
            output,
        })
    }

    fn reasoning(self, at: &str) -> Result<Reasoning, ApiError> {
        let text = match self.content {
            Some(TextOr::Text(text)) => text,
            Some(TextOr::Other(parts)) => each(parts, at, "content", PartBody::only_text)?.concat(),
            None => String::new(),
        };
        let summary = self.summary.unwrap_or_default();
        Ok(Reasoning {
            text,
            summary: each(summary, at, "summary", PartBody::only_text)?,
            encrypted: self.encrypted_content,
        })
    }

    fn compaction(self, at: &str) -> Result<Compaction, ApiError> {
        let encrypted = self
            .encrypted_content
            .ok_or_else(|| ApiError::missing(format!("{at}.encrypted_content")))?;
        let compaction = Compaction { encrypted };
        if loquat_context::unseal(&compaction).is_none() {
            let param = format!("{at}.encrypted_content");
            let message = format!("{param} must be one that this server has made");
            return Err(ApiError::invalid(param, message));
        }
        Ok(compaction)
    }
}

fn each<T>(
    parts: Vec<PartBody>,
    at: &str,
    field: &str,
    read: impl Fn(PartBody, &str) -> Result<T, ApiError>,
) -> Result<Vec<T>, ApiError> {
    let numbered = parts.into_iter().enumerate();
    numbered.map(|(index, part)| read(part, &format!("{at}.{field}[{index}]"))).collect()
}

#[cfg(test)]
mod tests {
    use loquat_domain::ImageDetail;
    use serde_json::{Value, json};

    use super::*;

    fn read(item: Value) -> Result<ItemContent, ApiError> {
        let item = serde_json::from_value(item).expect("the types are right");
        contents(vec![item], "input").map(|mut contents| contents.remove(0))
    }

    #[test]
    fn what_the_server_sends_can_be_sent_back() {
        let said = json!({
            "id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
            "phase": "final_answer",
            "content": [
                {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "no"},
            ],
        });
        let parts = vec![Part::Text("Hello".to_owned()), Part::Refusal("no".to_owned())];
        let phase = Some(Phase::FinalAnswer);
        let message = Message { role: Role::Assistant, parts, phase };
        assert_eq!(read(said), Ok(ItemContent::Message(message)));
        let thought = json!({
            "id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}],
            "content": [{"type": "reasoning_text", "text": "t"}], "encrypted_content": "e",
        });
        let reasoning = Reasoning {
            text: "t".to_owned(),
            summary: vec!["s".to_owned()],
            encrypted: Some("e".to_owned()),
        };
        assert_eq!(read(thought), Ok(ItemContent::Reasoning(reasoning)));
        let sealed = loquat_context::seal("Anna lives in Kiel.");
        let compacted =
            json!({"id": "cmp_1", "type": "compaction", "encrypted_content": sealed.encrypted});
        assert_eq!(read(compacted), Ok(ItemContent::Compaction(sealed)));
    }

    #[test]
    fn a_compaction_of_somebody_else_is_refused() {
        let foreign = json!({"type": "compaction", "encrypted_content": "gAAAAAB"});
        let error = format!("{:?}", read(foreign).unwrap_err());
        assert!(error.contains("\"input[0].encrypted_content\""), "{error}");
        assert!(error.contains("InvalidValue") && !error.contains("gAAAAAB"), "{error}");
    }

    #[test]
    fn a_compaction_without_its_content_is_refused() {
        let refused = ApiError::missing("input[0].encrypted_content".to_owned());
        assert_eq!(read(json!({"type": "compaction"})), Err(refused));
    }

    #[test]
    fn an_image_comes_from_the_net_or_with_the_request() {
        let image = |url: &str| {
            let part = json!({"type": "input_image", "image_url": url, "detail": "low"});
            read(json!({"role": "user", "content": [part]}))
        };
        let url = "data:image/png;base64,AA==".to_owned();
        let parts = vec![Part::Image { url: url.clone(), detail: ImageDetail::Low }];
        let message = Message { role: Role::User, parts, phase: None };
        assert_eq!(image(&url), Ok(ItemContent::Message(message)));
        for url in ["file:///etc/passwd", "", "/etc/passwd", "javascript:alert(1)"] {
            let error = format!("{:?}", image(url).unwrap_err());
            assert!(error.contains("input[0].content[0].image_url"), "{error}");
        }
    }

    #[test]
    fn a_part_or_item_that_cannot_be_honoured_is_refused_with_its_place() {
        let file = json!({"type": "input_file", "file_id": "f"});
        for (item, param) in [
            (json!({"role": "user", "content": [file]}), "input[0].content[0].type"),
            (json!({"type": "item_reference", "id": "msg_1"}), "input[0].type"),
            (
                json!({"role": "user", "content": [{"type": "refusal", "refusal": "n"}]}),
                "input[0].content[0].type",
            ),
        ] {
            assert_eq!(read(item), Err(ApiError::unsupported(param)));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (item, param) in [
            (json!({"content": "a"}), "input[0].role"),
            (json!({"role": "user"}), "input[0].content"),
            (json!({"role": "user", "content": [{"type": "text"}]}), "input[0].content[0].text"),
            (json!({"type": "function_call", "call_id": "c", "arguments": ""}), "input[0].name"),
            (json!({"type": "function_call", "call_id": "c", "name": "f"}), "input[0].arguments"),
            (json!({"type": "function_call_output", "output": "o"}), "input[0].call_id"),
            (json!({"type": "function_call_output", "call_id": "c"}), "input[0].output"),
        ] {
            assert_eq!(read(item), Err(ApiError::missing(param)));
        }
    }
}
