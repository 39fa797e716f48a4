//! What a caller asked of one answer.

use std::borrow::Cow;

use loquat_domain::{
    RawJson, ReasoningEffort, Sampling, Settings, TextFormat, Tool, ToolChoice, Truncation,
};
use serde::{Deserialize, Serialize, Serializer, ser};
use serde_json::value::RawValue;

use super::{V1, names, read};
use crate::StoreError;

/// Writes what a caller asked of one answer. White space around a schema is not kept; within it,
/// every byte is.
///
/// # Errors
///
/// [`StoreError::Internal`] when a schema is not JSON, which its maker should have seen.
pub fn encode_settings(settings: &Settings) -> Result<String, StoreError> {
    serde_json::to_string(&SettingsJson::from(settings))
        .map_err(|error| StoreError::Internal(Box::new(error)))
}

/// Reads what [`encode_settings`] wrote.
///
/// # Errors
///
/// [`StoreError::Corrupt`] when this version cannot read it.
pub fn decode_settings(json: &str) -> Result<Settings, StoreError> {
    read("settings", json).map(|form: SettingsJson<'_>| form.into())
}

/// A field that has its default is not written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsJson<'a> {
    v: V1,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    instructions: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stop: Vec<Cow<'a, str>>,
    #[serde(default, borrow, skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolJson<'a>>,
    #[serde(default, borrow, skip_serializing_if = "ToolChoiceJson::is_default")]
    tool_choice: ToolChoiceJson<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(default, borrow, skip_serializing_if = "TextFormatJson::is_default")]
    text_format: TextFormatJson<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<ReasoningEffortJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    truncation: Option<TruncationJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolJson<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    parameters: Option<SchemaJson<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum ToolChoiceJson<'a> {
    None,
    #[default]
    Auto,
    Required,
    Function(#[serde(borrow)] Cow<'a, str>),
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum TextFormatJson<'a> {
    #[default]
    Text,
    JsonObject,
    JsonSchema {
        #[serde(borrow)]
        name: Cow<'a, str>,
        #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
        description: Option<Cow<'a, str>>,
        #[serde(borrow)]
        schema: SchemaJson<'a>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

/// JSON in somebody else's words, embedded as it is.
#[derive(Deserialize)]
#[serde(transparent)]
struct SchemaJson<'a>(#[serde(borrow, deserialize_with = "raw")] &'a str);

fn raw<'de: 'a, 'a, D: serde::Deserializer<'de>>(deserializer: D) -> Result<&'a str, D::Error> {
    <&'a RawValue>::deserialize(deserializer).map(RawValue::get)
}

impl Serialize for SchemaJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

names! {
    ReasoningEffortJson = ReasoningEffort {
        None = "none",
        Minimal = "minimal",
        Low = "low",
        Medium = "medium",
        High = "high",
        ExtraHigh = "xhigh",
    }
    TruncationJson = Truncation {
        Auto = "auto",
        Disabled = "disabled",
    }
}

impl ToolChoiceJson<'_> {
    const fn is_default(&self) -> bool {
        matches!(self, Self::Auto)
    }
}

impl TextFormatJson<'_> {
    const fn is_default(&self) -> bool {
        matches!(self, Self::Text)
    }
}

impl<'a> From<&'a Settings> for SettingsJson<'a> {
    fn from(settings: &'a Settings) -> Self {
        let Sampling { temperature, top_p, presence_penalty, frequency_penalty, seed } =
            settings.sampling;
        let is_default = settings.truncation == Truncation::default();
        Self {
            v: V1,
            instructions: settings.instructions.as_deref().map(Cow::from),
            max_output_tokens: settings.max_output_tokens,
            temperature,
            top_p,
            presence_penalty,
            frequency_penalty,
            seed,
            stop: settings.stop.iter().map(Cow::from).collect(),
            tools: settings.tools.iter().map(ToolJson::from).collect(),
            tool_choice: (&settings.tool_choice).into(),
            parallel_tool_calls: settings.parallel_tool_calls,
            text_format: (&settings.text_format).into(),
            reasoning_effort: settings.reasoning_effort.map(ReasoningEffortJson::from),
            truncation: (!is_default).then(|| settings.truncation.into()),
        }
    }
}

impl From<SettingsJson<'_>> for Settings {
    fn from(form: SettingsJson<'_>) -> Self {
        Self {
            instructions: form.instructions.map(Cow::into_owned),
            max_output_tokens: form.max_output_tokens,
            sampling: Sampling {
                temperature: form.temperature,
                top_p: form.top_p,
                presence_penalty: form.presence_penalty,
                frequency_penalty: form.frequency_penalty,
                seed: form.seed,
            },
            stop: form.stop.into_iter().map(Cow::into_owned).collect(),
            tools: form.tools.into_iter().map(Tool::from).collect(),
            tool_choice: form.tool_choice.into(),
            parallel_tool_calls: form.parallel_tool_calls,
            text_format: form.text_format.into(),
            reasoning_effort: form.reasoning_effort.map(ReasoningEffort::from),
            truncation: form.truncation.map(Truncation::from).unwrap_or_default(),
        }
    }
}

impl<'a> From<&'a Tool> for ToolJson<'a> {
    fn from(tool: &'a Tool) -> Self {
        Self {
            name: (&tool.name).into(),
            description: tool.description.as_deref().map(Cow::from),
            parameters: tool.parameters.as_ref().map(|schema| SchemaJson(schema.as_str())),
            strict: tool.strict,
        }
    }
}

impl From<ToolJson<'_>> for Tool {
    fn from(form: ToolJson<'_>) -> Self {
        Self {
            name: form.name.into_owned(),
            description: form.description.map(Cow::into_owned),
            parameters: form.parameters.map(RawJson::from),
            strict: form.strict,
        }
    }
}

impl From<SchemaJson<'_>> for RawJson {
    fn from(form: SchemaJson<'_>) -> Self {
        Self::from_checked(form.0)
    }
}

impl<'a> From<&'a ToolChoice> for ToolChoiceJson<'a> {
    fn from(choice: &'a ToolChoice) -> Self {
        match choice {
            ToolChoice::None => Self::None,
            ToolChoice::Auto => Self::Auto,
            ToolChoice::Required => Self::Required,
            ToolChoice::Function(name) => Self::Function(name.into()),
        }
    }
}

impl From<ToolChoiceJson<'_>> for ToolChoice {
    fn from(form: ToolChoiceJson<'_>) -> Self {
        match form {
            ToolChoiceJson::None => Self::None,
            ToolChoiceJson::Auto => Self::Auto,
            ToolChoiceJson::Required => Self::Required,
            ToolChoiceJson::Function(name) => Self::Function(name.into_owned()),
        }
    }
}

impl<'a> From<&'a TextFormat> for TextFormatJson<'a> {
    fn from(format: &'a TextFormat) -> Self {
        match format {
            TextFormat::Text => Self::Text,
            TextFormat::JsonObject => Self::JsonObject,
            TextFormat::JsonSchema { name, description, schema, strict } => Self::JsonSchema {
                name: name.into(),
                description: description.as_deref().map(Cow::from),
                schema: SchemaJson(schema.as_str()),
                strict: *strict,
            },
        }
    }
}

impl From<TextFormatJson<'_>> for TextFormat {
    fn from(form: TextFormatJson<'_>) -> Self {
        match form {
            TextFormatJson::Text => Self::Text,
            TextFormatJson::JsonObject => Self::JsonObject,
            TextFormatJson::JsonSchema { name, description, schema, strict } => Self::JsonSchema {
                name: name.into_owned(),
                description: description.map(Cow::into_owned),
                schema: schema.into(),
                strict,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn pinned(settings: &Settings, json: &str) {
        assert_eq!(encode_settings(settings).unwrap(), json);
        assert_eq!(decode_settings(json).unwrap(), *settings);
    }

    #[test]
    fn defaults_are_not_written() {
        pinned(&Settings::default(), r#"{"v":1}"#);
    }

    #[test]
    fn everything_that_was_asked_is_written_like_this() {
        let settings = Settings {
            instructions: Some("be brief".to_owned()),
            max_output_tokens: Some(256),
            sampling: Sampling {
                temperature: Some(0.1),
                top_p: Some(1.0),
                presence_penalty: Some(-2.0),
                frequency_penalty: Some(1e-7),
                seed: Some(-1),
            },
            stop: vec!["\n".to_owned()],
            tools: vec![Tool {
                name: "weather".to_owned(),
                description: Some("looks out".to_owned()),
                parameters: Some(RawJson::from_checked(r#"{"z": 1,"a":[ 1.0e+2 ]}"#)),
                strict: Some(true),
            }],
            tool_choice: ToolChoice::Function("weather".to_owned()),
            parallel_tool_calls: Some(false),
            text_format: TextFormat::JsonSchema {
                name: "answer".to_owned(),
                description: None,
                schema: RawJson::from_checked("{}"),
                strict: None,
            },
            reasoning_effort: Some(ReasoningEffort::ExtraHigh),
            truncation: Truncation::Disabled,
        };
        pinned(
            &settings,
            concat!(
                r#"{"v":1,"instructions":"be brief","max_output_tokens":256,"temperature":0.1,"#,
                r#""top_p":1.0,"presence_penalty":-2.0,"frequency_penalty":1e-7,"seed":-1,"#,
                r#""stop":["\n"],"tools":[{"name":"weather","description":"looks out","#,
                r#""parameters":{"z": 1,"a":[ 1.0e+2 ]},"strict":true}],"#,
                r#""tool_choice":{"function":"weather"},"parallel_tool_calls":false,"#,
                r#""text_format":{"json_schema":{"name":"answer","schema":{}}},"#,
                r#""reasoning_effort":"xhigh","truncation":"disabled"}"#,
            ),
        );
    }

    #[test]
    fn a_schema_that_is_not_json_is_refused() {
        let tool = Tool {
            name: "f".to_owned(),
            description: None,
            parameters: Some(RawJson::from_checked(r#"{},"v":2"#)),
            strict: None,
        };
        let settings = Settings { tools: vec![tool], ..Settings::default() };
        let written = encode_settings(&settings);
        assert!(matches!(written, Err(StoreError::Internal(_))), "{written:?}");
    }

    #[test]
    fn a_setting_that_this_version_does_not_know_is_corrupt() {
        for json in [r#"{"v":1,"mood":"gay"}"#, r#"{"v":2}"#, r#"{"v":1,"truncation":"middle"}"#] {
            let read = decode_settings(json);
            assert!(
                matches!(read, Err(StoreError::Corrupt { column: "settings" })),
                "{json}: {read:?}"
            );
        }
    }
}
