//! From a provider's request to the wire's body.

mod content;
mod messages;
mod thinking;

use loquat_domain::{RawJson, Sampling, Settings, TextFormat, Tool, ToolChoice};
use loquat_provider::{ChatRequest, ProviderError};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{Generation, PromptCache, provider::Messages};
use content::{Block, CacheControl};
use messages::{Conversation, Message};
use thinking::Thinking;

pub(crate) use content::Sealed;

/// The most tokens of an answer when the request does not say; the wire demands a number, and every
/// model since the third generation may write as many.
const DEFAULT_MAX_TOKENS: u32 = 4096;

/// How many ends of caches a request may mark (Anthropic's page on prompt caching, November 2026).
const MOST_CACHE_ENDS: usize = 4;

/// The wire has no words for what is asked.
pub(super) const INEXPRESSIBLE: ProviderError = ProviderError::Inexpressible;

/// The body of the call, as JSON.
///
/// # Errors
///
/// [`ProviderError::Rejected`] with status 0 when the wire has no words for what is asked: see the
/// crate's documentation.
pub(crate) fn body(request: &ChatRequest, wire: &Messages) -> Result<Vec<u8>, ProviderError> {
    let body = Body::new(request, wire)?;
    serde_json::to_vec(&body).map_err(|_| INEXPRESSIBLE)
}

/// Fields that nobody set are left out, so that the provider's own default holds.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<WireToolChoice<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
}

impl<'a> Body<'a> {
    fn new(request: &'a ChatRequest, wire: &'a Messages) -> Result<Self, ProviderError> {
        let settings = &request.settings;
        let generation = wire.generation(&request.model);
        let mut said = Conversation::new(request, Some(&wire.seal))?;
        let mut tools: Vec<_> =
            settings.tools.iter().map(WireTool::new).collect::<Result<_, _>>()?;
        let mut tool_choice = tool_choice(settings);
        if tools.is_empty() {
            // The wire refuses a history with calls when no tool is named.
            tools.extend(said.called.iter().map(|name| WireTool::unknown(name)));
            tool_choice = (!tools.is_empty()).then_some(WireToolChoice::None);
        }
        let max_tokens = settings.max_output_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
        let is_forced = tool_choice.as_ref().is_some_and(WireToolChoice::is_forced);
        let may_think = generation != Generation::Budget || said.may_think_by_budget();
        let effort = settings.reasoning_effort;
        let thinking = effort
            // The wire refuses thoughts before a call that is forced.
            .filter(|_| may_think && !is_forced)
            .and_then(|effort| Thinking::new(effort, generation, max_tokens));
        let thinks = thinking.is_some_and(Thinking::is_on);
        if !thinks && (generation == Generation::Budget || thinking.is_some()) {
            // Who is known not to think may refuse what it has thought, and needs none of it.
            said = Conversation::new(request, None)?;
        }
        if wire.prompt_cache == PromptCache::Marked {
            mark_cache_ends(&mut tools, &mut said);
        }
        let takes_sampling = generation != Generation::EffortOnly && !thinks;
        let (temperature, top_p) =
            if takes_sampling { sampling(settings.sampling) } else { (None, None) };
        Ok(Self {
            model: &request.model,
            max_tokens,
            stream: true,
            tools,
            tool_choice,
            system: said.system,
            messages: said.messages,
            thinking,
            output_config: OutputConfig {
                effort: effort.and_then(|effort| thinking::effort(effort, generation)),
                format: output_format(&settings.text_format)?,
            },
            temperature,
            top_p,
            stop_sequences: &settings.stop,
        })
    }
}

/// The temperature, or else the nucleus: models from 4.1 on take only one of the two.
fn sampling(sampling: Sampling) -> (Option<f64>, Option<f64>) {
    let temperature = sampling.temperature.map(|temperature| temperature.min(1.0));
    (temperature, sampling.top_p.filter(|_| temperature.is_none()))
}

/// Marks where parts end that later requests repeat: first of all the system prompt's end, which
/// covers the tools before it, or else theirs; then where the request says, the last ends first; then,
/// where a mark is left, the tools' end as well, because a system prompt changes more easily.
fn mark_cache_ends(tools: &mut [WireTool<'_>], said: &mut Conversation<'_>) {
    let mut left = MOST_CACHE_ENDS;
    let has_system = said.mark_system();
    left -= usize::from(has_system);
    let tools_first = !has_system && !tools.is_empty();
    left -= usize::from(tools_first);
    left -= said.mark_ends(left);
    if let Some(last) = tools.last_mut()
        && (tools_first || left > 0)
    {
        last.cache_control = Some(CacheControl::EPHEMERAL);
    }
}

#[derive(Serialize)]
struct WireTool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: InputSchema<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum InputSchema<'a> {
    Given(&'a RawValue),
    Any { r#type: &'static str },
}

impl InputSchema<'_> {
    const ANY: Self = Self::Any { r#type: "object" };
}

impl<'a> WireTool<'a> {
    fn new(tool: &'a Tool) -> Result<Self, ProviderError> {
        let schema = tool.parameters.as_ref().map(raw).transpose()?;
        Ok(Self {
            name: &tool.name,
            description: tool.description.as_deref(),
            input_schema: schema.map_or(InputSchema::ANY, InputSchema::Given),
            // What is not asked for is left out, for servers that do not know the field.
            strict: tool.strict.filter(|strict| *strict),
            cache_control: None,
        })
    }

    /// A function that was called once and is no longer offered.
    fn unknown(name: &'a str) -> Self {
        let input_schema = InputSchema::ANY;
        Self { name, description: None, input_schema, strict: None, cache_control: None }
    }
}

/// The JSON as it stands, byte for byte.
fn raw(json: &RawJson) -> Result<&RawValue, ProviderError> {
    serde_json::from_str(json.as_str()).map_err(|_| INEXPRESSIBLE)
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireToolChoice<'a> {
    Auto {
        disable_parallel_tool_use: bool,
    },
    Any {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    Tool {
        name: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    None,
}

impl WireToolChoice<'_> {
    const fn is_forced(&self) -> bool {
        matches!(self, Self::Any { .. } | Self::Tool { .. })
    }
}

/// Without tools the wire refuses a choice, and with them `auto` is what it does by itself.
fn tool_choice(settings: &Settings) -> Option<WireToolChoice<'_>> {
    let disable_parallel_tool_use = settings.parallel_tool_calls == Some(false);
    let choice = match &settings.tool_choice {
        ToolChoice::Auto if !disable_parallel_tool_use => return None,
        ToolChoice::Auto => WireToolChoice::Auto { disable_parallel_tool_use },
        ToolChoice::None => WireToolChoice::None,
        ToolChoice::Required => WireToolChoice::Any { disable_parallel_tool_use },
        ToolChoice::Function(name) => WireToolChoice::Tool { name, disable_parallel_tool_use },
    };
    (!settings.tools.is_empty()).then_some(choice)
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<OutputFormat<'a>>,
}

impl OutputConfig<'_> {
    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

#[derive(Serialize)]
struct OutputFormat<'a> {
    r#type: &'static str,
    schema: &'a RawValue,
}

/// The wire takes a schema, and follows it exactly whether that is asked for or not; it has no
/// "some JSON".
fn output_format(format: &TextFormat) -> Result<Option<OutputFormat<'_>>, ProviderError> {
    match format {
        TextFormat::Text => Ok(None),
        TextFormat::JsonObject => Err(INEXPRESSIBLE),
        TextFormat::JsonSchema { schema, .. } => {
            Ok(Some(OutputFormat { r#type: "json_schema", schema: raw(schema)? }))
        }
    }
}
