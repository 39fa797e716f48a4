//! The form that an answer's text must have.

use loquat_domain::TextFormat;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::value;
use crate::error::ApiError;

/// What an answer's text must be like, as `/v1/responses` is told.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TextSettings)]
pub(crate) struct TextBody {
    format: Option<FormatBody>,
    /// Only `medium`, which is what every model does.
    #[schema(example = "medium")]
    verbosity: Option<String>,
}

/// A form. `type` says which of the other fields count.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = InputTextFormat)]
pub(crate) struct FormatBody {
    /// `text`, `json_object`, or `json_schema` (with `name`, `description`, `schema`, `strict`).
    #[serde(rename = "type")]
    #[schema(example = "text")]
    kind: String,
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    description: Option<String>,
    #[schema(value_type = Option<Object>)]
    schema: Option<Box<RawValue>>,
    strict: Option<bool>,
}

/// A form, as `/v1/chat/completions` is told.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ResponseFormat)]
pub(crate) struct ResponseFormatBody {
    /// `text`, `json_object`, or `json_schema` (with `json_schema`).
    #[serde(rename = "type")]
    #[schema(example = "text")]
    kind: String,
    json_schema: Option<NamedSchemaBody>,
}

/// A JSON Schema with a name.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NamedSchema)]
pub(crate) struct NamedSchemaBody {
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    description: Option<String>,
    #[schema(value_type = Option<Object>)]
    schema: Option<Box<RawValue>>,
    strict: Option<bool>,
}

impl NamedSchemaBody {
    fn format(self, at: &str) -> Result<TextFormat, ApiError> {
        let schema = self.schema.ok_or_else(|| ApiError::missing(format!("{at}.schema")))?;
        Ok(TextFormat::JsonSchema {
            name: value::name(self.name, format!("{at}.name"))?,
            description: self.description,
            schema: value::schema(&schema, format!("{at}.schema"))?,
            strict: self.strict,
        })
    }
}

/// The form of a response's text.
pub(crate) fn text_format(text: Option<TextBody>) -> Result<TextFormat, ApiError> {
    let Some(TextBody { format, verbosity }) = text else { return Ok(TextFormat::Text) };
    if verbosity.is_some_and(|it| it != "medium") {
        return Err(ApiError::unsupported("text.verbosity"));
    }
    let Some(FormatBody { kind, name, description, schema, strict }) = format else {
        return Ok(TextFormat::Text);
    };
    match kind.as_str() {
        "text" => Ok(TextFormat::Text),
        "json_object" => Ok(TextFormat::JsonObject),
        "json_schema" => {
            NamedSchemaBody { name, description, schema, strict }.format("text.format")
        }
        _ => Err(ApiError::unsupported("text.format.type")),
    }
}

/// The form of a chat completion's text.
pub(crate) fn response_format(format: Option<ResponseFormatBody>) -> Result<TextFormat, ApiError> {
    let Some(format) = format else { return Ok(TextFormat::Text) };
    match (format.kind.as_str(), format.json_schema) {
        ("text", _) => Ok(TextFormat::Text),
        ("json_object", _) => Ok(TextFormat::JsonObject),
        ("json_schema", Some(schema)) => schema.format("response_format.json_schema"),
        ("json_schema", None) => Err(ApiError::missing("response_format.json_schema")),
        _ => Err(ApiError::unsupported("response_format.type")),
    }
}
