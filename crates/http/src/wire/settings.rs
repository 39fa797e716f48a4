//! What a caller asked for, as it is echoed.

use loquat_domain::{RawJson, TextFormat, Tool, ToolChoice};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A function that the model may ask for. Every key is there, also where it is null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tool)]
pub(crate) struct ToolBody<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    #[schema(required)]
    description: Option<&'a str>,
    #[schema(required, value_type = Option<Object>)]
    parameters: Option<&'a RawValue>,
    #[schema(required)]
    strict: Option<bool>,
}

impl<'a> From<&'a Tool> for ToolBody<'a> {
    fn from(tool: &'a Tool) -> Self {
        Self {
            kind: "function",
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters.as_ref().and_then(raw),
            strict: tool.strict,
        }
    }
}

/// Whether the model may, must or must not ask for a function.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ToolChoice)]
pub(crate) enum ToolChoiceBody<'a> {
    /// `none`, `auto` or `required`.
    Mode(&'static str),
    /// It must ask for this one.
    Function {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'a str,
    },
}

impl<'a> From<&'a ToolChoice> for ToolChoiceBody<'a> {
    fn from(choice: &'a ToolChoice) -> Self {
        match choice {
            ToolChoice::None => Self::Mode("none"),
            ToolChoice::Auto => Self::Mode("auto"),
            ToolChoice::Required => Self::Mode("required"),
            ToolChoice::Function(name) => Self::Function { kind: "function", name },
        }
    }
}

/// What the answer's text must be like.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Text)]
pub(crate) struct TextBody<'a> {
    format: FormatBody<'a>,
}

/// The form of the text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = TextFormat)]
pub(crate) enum FormatBody<'a> {
    /// Any text.
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        name: &'a str,
        description: Option<&'a str>,
        #[schema(value_type = Option<Object>)]
        schema: Option<&'a RawValue>,
        strict: Option<bool>,
    },
}

impl<'a> From<&'a TextFormat> for TextBody<'a> {
    fn from(format: &'a TextFormat) -> Self {
        let format = match format {
            TextFormat::Text => FormatBody::Text,
            TextFormat::JsonObject => FormatBody::JsonObject,
            TextFormat::JsonSchema { name, description, schema, strict } => {
                FormatBody::JsonSchema {
                    name,
                    description: description.as_deref(),
                    schema: raw(schema),
                    strict: *strict,
                }
            }
        };
        Self { format }
    }
}

/// JSON, word for word. It was parsed when it came in, or is our own, so nothing is lost here.
pub(super) fn raw(json: &RawJson) -> Option<&RawValue> {
    serde_json::from_str(json.as_str()).ok()
}
