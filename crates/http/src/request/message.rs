//! Messages of a chat completion, which become items in place.

use loquat_domain::{FunctionCall, FunctionCallOutput, ItemContent, Message, Part, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    part::{DetailBody, image},
    value,
};
use crate::{error::ApiError, text_or::TextOr};

/// A message. `role` says which of the other fields count.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CompletionMessage)]
pub(crate) struct MessageBody {
    /// `system`, `developer`, `user`, `assistant` (also with `tool_calls` and `refusal`) or `tool`
    /// (with `tool_call_id`).
    #[schema(example = "user")]
    role: String,
    content: Option<TextOr<Vec<ContentBody>>>,
    refusal: Option<String>,
    tool_calls: Option<Vec<ToolCallBody>>,
    tool_call_id: Option<String>,
}

/// A part of a message.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CompletionPart)]
pub(crate) struct ContentBody {
    /// `text` (with `text`), `image_url` (with `image_url`) or `refusal` (with `refusal`).
    #[serde(rename = "type")]
    #[schema(example = "text")]
    kind: String,
    text: Option<String>,
    image_url: Option<ImageBody>,
    refusal: Option<String>,
}

/// An image by its address.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CompletionImage)]
pub(crate) struct ImageBody {
    url: String,
    detail: Option<DetailBody>,
}

/// A function that the model asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CompletionToolCallInput)]
pub(crate) struct ToolCallBody {
    id: Option<String>,
    /// `function`.
    #[serde(rename = "type")]
    #[schema(example = "function")]
    kind: Option<String>,
    function: Option<CalledBody>,
}

/// A function and what it is called with.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CompletionCalledFunction)]
pub(crate) struct CalledBody {
    name: Option<String>,
    arguments: Option<String>,
}

/// What the messages say, as items. One message of the assistant with function calls is several.
pub(crate) fn contents(messages: Vec<MessageBody>) -> Result<Vec<ItemContent>, ApiError> {
    let mut contents = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        message.push_onto(&mut contents, &format!("messages[{index}]"))?;
    }
    Ok(contents)
}

impl MessageBody {
    fn push_onto(self, contents: &mut Vec<ItemContent>, at: &str) -> Result<(), ApiError> {
        let role = match self.role.as_str() {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => return self.push_assistant(contents, at),
            "tool" => {
                contents.push(ItemContent::FunctionCallOutput(self.tool_output(at)?));
                return Ok(());
            }
            _ => return Err(ApiError::unsupported(format!("{at}.role"))),
        };
        let content = self.content.ok_or_else(|| ApiError::missing(format!("{at}.content")))?;
        let parts = parts(content, role, at)?;
        contents.push(ItemContent::Message(Message { role, parts, phase: None }));
        Ok(())
    }

    fn push_assistant(self, contents: &mut Vec<ItemContent>, at: &str) -> Result<(), ApiError> {
        let role = Role::Assistant;
        let mut said = match self.content {
            Some(content) => parts(content, role, at)?,
            None => Vec::new(),
        };
        said.extend(self.refusal.map(Part::Refusal));
        let calls = self.tool_calls.unwrap_or_default();
        if said.is_empty() && calls.is_empty() {
            return Err(ApiError::missing(format!("{at}.content")));
        }
        if !said.is_empty() {
            contents.push(ItemContent::Message(Message { role, parts: said, phase: None }));
        }
        for (index, call) in calls.into_iter().enumerate() {
            let call = call.function_call(&format!("{at}.tool_calls[{index}]"))?;
            contents.push(ItemContent::FunctionCall(call));
        }
        Ok(())
    }

    fn tool_output(self, at: &str) -> Result<FunctionCallOutput, ApiError> {
        let output = match self.content {
            Some(TextOr::Text(text)) => text,
            Some(TextOr::Other(parts)) => {
                let numbered = parts.into_iter().enumerate();
                let texts = numbered.map(|(index, part)| {
                    let at = format!("{at}.content[{index}]");
                    if part.kind == "text" {
                        part.text.ok_or_else(|| ApiError::missing(format!("{at}.text")))
                    } else {
                        Err(ApiError::unsupported(format!("{at}.type")))
                    }
                });
                texts.collect::<Result<String, _>>()?
            }
            None => return Err(ApiError::missing(format!("{at}.content"))),
        };
        let call_id = value::call_id(self.tool_call_id, format!("{at}.tool_call_id"))?;
        Ok(FunctionCallOutput { call_id, output })
    }
}

impl ToolCallBody {
    fn function_call(self, at: &str) -> Result<FunctionCall, ApiError> {
        if self.kind.is_some_and(|kind| kind != "function") {
            return Err(ApiError::unsupported(format!("{at}.type")));
        }
        let function = self.function.ok_or_else(|| ApiError::missing(format!("{at}.function")))?;
        Ok(FunctionCall {
            call_id: value::call_id(self.id, format!("{at}.id"))?,
            name: value::name(function.name, format!("{at}.function.name"))?,
            arguments: function
                .arguments
                .ok_or_else(|| ApiError::missing(format!("{at}.function.arguments")))?,
        })
    }
}

fn parts(content: TextOr<Vec<ContentBody>>, role: Role, at: &str) -> Result<Vec<Part>, ApiError> {
    match content {
        TextOr::Text(text) => Ok(vec![Part::Text(text)]),
        TextOr::Other(parts) => {
            let numbered = parts.into_iter().enumerate();
            numbered
                .map(|(index, part)| part.part(role, &format!("{at}.content[{index}]")))
                .collect()
        }
    }
}

impl ContentBody {
    fn part(self, role: Role, at: &str) -> Result<Part, ApiError> {
        let missing = |field: &str| ApiError::missing(format!("{at}.{field}"));
        match (self.kind.as_str(), role) {
            ("text", _) => self.text.map(Part::Text).ok_or_else(|| missing("text")),
            ("refusal", Role::Assistant) => {
                self.refusal.map(Part::Refusal).ok_or_else(|| missing("refusal"))
            }
            ("image_url", Role::User) => {
                let named = self.image_url.ok_or_else(|| missing("image_url"))?;
                image(named.url, named.detail, format!("{at}.image_url.url"))
            }
            _ => Err(ApiError::unsupported(format!("{at}.type"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(messages: Value) -> Result<Vec<ItemContent>, ApiError> {
        contents(serde_json::from_value(messages).expect("the types are right"))
    }

    #[test]
    fn a_round_of_function_calls_becomes_items_in_place() {
        let call = json!({"id": "c1", "type": "function",
            "function": {"name": "f", "arguments": "{}"}});
        let items = read(json!([
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": "ada"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "4"}]},
            {"role": "assistant", "content": "Four.", "tool_calls": [call]},
        ]))
        .unwrap();
        let call = ItemContent::FunctionCall(FunctionCall {
            call_id: "c1".to_owned(),
            name: "f".to_owned(),
            arguments: "{}".to_owned(),
        });
        let output = FunctionCallOutput { call_id: "c1".to_owned(), output: "4".to_owned() };
        let said = |role, text: &str| ItemContent::Message(Message::text(role, text));
        let expected = [
            said(Role::Developer, "Be brief."),
            said(Role::User, "Hi"),
            call.clone(),
            ItemContent::FunctionCallOutput(output),
            said(Role::Assistant, "Four."),
            call,
        ];
        assert_eq!(items, expected);
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_place() {
        let audio = json!({"type": "input_audio", "input_audio": {}});
        let image = json!({"type": "image_url", "image_url": {"url": "file:///a"}});
        let custom = json!({"id": "c", "type": "custom", "custom": {}});
        for (message, param) in [
            (json!({"role": "function", "content": "x"}), "messages[0].role"),
            (json!({"role": "user"}), "messages[0].content"),
            (json!({"role": "assistant"}), "messages[0].content"),
            (json!({"role": "tool", "content": "x"}), "messages[0].tool_call_id"),
            (json!({"role": "user", "content": [audio]}), "messages[0].content[0].type"),
            (json!({"role": "user", "content": [image]}), "messages[0].content[0].image_url.url"),
            (
                json!({"role": "assistant", "tool_calls": [custom]}),
                "messages[0].tool_calls[0].type",
            ),
        ] {
            let error = format!("{:?}", read(json!([message])).unwrap_err());
            assert!(error.contains(&format!("{param:?}")), "{error}");
        }
    }
}
