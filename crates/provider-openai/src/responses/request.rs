//! From a provider's request to the wire's body.

use loquat_domain::{ReasoningEffort, Settings, TextFormat, Tool, ToolChoice};
use loquat_provider::{ChatRequest, ProviderError};
use loquat_provider_http::Seal;
use serde::Serialize;
use serde_json::value::RawValue;

use super::input::{InputItem, input};
use crate::{
    models::Thoughts,
    request::{has_tools, raw, unwritable},
};

/// What is asked for so that the thoughts come in a form that can be sent back.
const SEALED_THOUGHTS: &[&str] = &["reasoning.encrypted_content"];

/// The body of the call, as JSON.
///
/// The wire has no `seed`, which is left out, since it promises nothing anyway. It has no `stop`
/// either, and an answer that goes on past it is not what was asked for.
///
/// # Errors
///
/// [`ProviderError::Rejected`] with status 0 when there are texts to stop at, or when a schema is no
/// JSON after all.
pub(super) fn body(
    request: &ChatRequest,
    thoughts: Thoughts,
    seal: &Seal,
) -> Result<Vec<u8>, ProviderError> {
    if !request.settings.stop.is_empty() {
        return Err(ProviderError::Inexpressible);
    }
    let body = Body::new(request, thoughts, seal).map_err(unwritable)?;
    serde_json::to_vec(&body).map_err(unwritable)
}

/// Fields that nobody set are left out, so that the provider's own default holds and a server that
/// does not know them is not bothered. The penalties are Open Responses'; OpenAI refuses them.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    input: Vec<InputItem<'a>>,
    stream: bool,
    /// Whoever asks keeps the conversation.
    store: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    include: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Reasoning::is_empty")]
    reasoning: Reasoning,
}

impl<'a> Body<'a> {
    fn new(
        request: &'a ChatRequest,
        thoughts: Thoughts,
        seal: &Seal,
    ) -> Result<Self, serde_json::Error> {
        let settings = &request.settings;
        let asks = thoughts != Thoughts::Unasked;
        Ok(Self {
            model: &request.model,
            instructions: settings.instructions.as_deref(),
            input: input(&request.input, asks.then_some(seal)),
            stream: true,
            store: false,
            include: if asks { SEALED_THOUGHTS } else { &[] },
            max_output_tokens: settings.max_output_tokens,
            temperature: settings.sampling.temperature,
            top_p: settings.sampling.top_p,
            presence_penalty: settings.sampling.presence_penalty,
            frequency_penalty: settings.sampling.frequency_penalty,
            tools: settings.tools.iter().map(WireTool::new).collect::<Result<_, _>>()?,
            tool_choice: tool_choice(settings),
            parallel_tool_calls: settings.parallel_tool_calls.filter(|_| has_tools(settings)),
            text: text(&settings.text_format)?,
            reasoning: Reasoning {
                effort: settings.reasoning_effort.map(ReasoningEffort::as_str),
                summary: (thoughts == Thoughts::Summarised).then_some("auto"),
            },
        })
    }
}

/// The wire wants all keys of a function, null where there is nothing to say, but for the
/// description.
#[derive(Serialize)]
struct WireTool<'a> {
    r#type: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
}

impl<'a> WireTool<'a> {
    fn new(tool: &'a Tool) -> Result<Self, serde_json::Error> {
        Ok(Self {
            r#type: "function",
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters: tool.parameters.as_ref().map(raw).transpose()?,
            strict: tool.strict,
        })
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireToolChoice<'a> {
    Mode(&'static str),
    Function { r#type: &'static str, name: &'a str },
}

/// Without tools the wire refuses a choice, and with them `auto` is what it does by itself.
fn tool_choice(settings: &Settings) -> Option<WireToolChoice<'_>> {
    let choice = match &settings.tool_choice {
        ToolChoice::Auto => return None,
        ToolChoice::None => WireToolChoice::Mode("none"),
        ToolChoice::Required => WireToolChoice::Mode("required"),
        ToolChoice::Function(name) => WireToolChoice::Function { r#type: "function", name },
    };
    has_tools(settings).then_some(choice)
}

#[derive(Serialize)]
struct Text<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    JsonObject,
    JsonSchema {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

fn text(format: &TextFormat) -> Result<Option<Text<'_>>, serde_json::Error> {
    let format = match format {
        TextFormat::Text => return Ok(None),
        TextFormat::JsonObject => Format::JsonObject,
        TextFormat::JsonSchema { name, description, schema, strict } => Format::JsonSchema {
            name,
            description: description.as_deref(),
            schema: raw(schema)?,
            strict: *strict,
        },
    };
    Ok(Some(Text { format }))
}

#[derive(Serialize)]
struct Reasoning {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

impl Reasoning {
    const fn is_empty(&self) -> bool {
        self.effort.is_none() && self.summary.is_none()
    }
}
