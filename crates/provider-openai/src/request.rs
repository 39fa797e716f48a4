//! From a provider's request to the wire's body.

pub(crate) mod messages;

use loquat_domain::{RawJson, ReasoningEffort, Settings, TextFormat, Tool, ToolChoice};
use loquat_provider::{ChatRequest, ProviderError};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    options::{OutputLimitField, UsageRequest},
    provider::Dialect,
};
use messages::Message;

/// The body of the call, as JSON.
///
/// # Errors
///
/// [`ProviderError::Rejected`] with status 0 when a schema is no JSON after all.
pub(crate) fn body(request: &ChatRequest, dialect: Dialect) -> Result<Vec<u8>, ProviderError> {
    let body = Body::new(request, dialect).map_err(unwritable)?;
    serde_json::to_vec(&body).map_err(unwritable)
}

pub(crate) fn unwritable(_: serde_json::Error) -> ProviderError {
    ProviderError::Inexpressible
}

/// Fields that nobody set are left out, so that the provider's own default holds and a server that
/// does not know them is not bothered.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
}

impl<'a> Body<'a> {
    fn new(request: &'a ChatRequest, dialect: Dialect) -> Result<Self, serde_json::Error> {
        let settings = &request.settings;
        let limit =
            |field| settings.max_output_tokens.filter(|_| dialect.output_limit_field == field);
        let asks_for_usage = dialect.usage_request == UsageRequest::StreamOptions;
        Ok(Self {
            model: &request.model,
            messages: messages::messages(settings.instructions.as_deref(), &request.input),
            stream: true,
            stream_options: asks_for_usage.then_some(StreamOptions { include_usage: true }),
            max_completion_tokens: limit(OutputLimitField::MaxCompletionTokens),
            max_tokens: limit(OutputLimitField::MaxTokens),
            temperature: settings.sampling.temperature,
            top_p: settings.sampling.top_p,
            presence_penalty: settings.sampling.presence_penalty,
            frequency_penalty: settings.sampling.frequency_penalty,
            seed: settings.sampling.seed,
            stop: &settings.stop,
            tools: settings.tools.iter().map(WireTool::new).collect::<Result<_, _>>()?,
            tool_choice: tool_choice(settings),
            parallel_tool_calls: settings.parallel_tool_calls.filter(|_| has_tools(settings)),
            response_format: response_format(&settings.text_format)?,
            reasoning_effort: settings.reasoning_effort.map(ReasoningEffort::as_str),
        })
    }
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct WireTool<'a> {
    r#type: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

impl<'a> WireTool<'a> {
    fn new(tool: &'a Tool) -> Result<Self, serde_json::Error> {
        let function = WireFunction {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters.as_ref().map(raw).transpose()?,
            strict: tool.strict,
        };
        Ok(Self { r#type: "function", function })
    }
}

/// The JSON as it stands, byte for byte.
pub(crate) fn raw(json: &RawJson) -> Result<&RawValue, serde_json::Error> {
    serde_json::from_str(json.as_str())
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireToolChoice<'a> {
    Mode(&'static str),
    Function { r#type: &'static str, function: FunctionName<'a> },
}

#[derive(Serialize)]
struct FunctionName<'a> {
    name: &'a str,
}

pub(crate) fn has_tools(settings: &Settings) -> bool {
    !settings.tools.is_empty()
}

/// Without tools the wire refuses a choice, and with them `auto` is what it does by itself.
fn tool_choice(settings: &Settings) -> Option<WireToolChoice<'_>> {
    let choice = match &settings.tool_choice {
        ToolChoice::Auto => return None,
        ToolChoice::None => WireToolChoice::Mode("none"),
        ToolChoice::Required => WireToolChoice::Mode("required"),
        ToolChoice::Function(name) => {
            WireToolChoice::Function { r#type: "function", function: FunctionName { name } }
        }
    };
    has_tools(settings).then_some(choice)
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonObject,
    JsonSchema { json_schema: JsonSchema<'a> },
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

fn response_format(format: &TextFormat) -> Result<Option<ResponseFormat<'_>>, serde_json::Error> {
    Ok(match format {
        TextFormat::Text => None,
        TextFormat::JsonObject => Some(ResponseFormat::JsonObject),
        TextFormat::JsonSchema { name, description, schema, strict } => {
            let description = description.as_deref();
            let schema = JsonSchema { name, description, schema: raw(schema)?, strict: *strict };
            Some(ResponseFormat::JsonSchema { json_schema: schema })
        }
    })
}
