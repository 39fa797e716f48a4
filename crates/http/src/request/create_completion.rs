//! `POST /v1/chat/completions`.

use loquat_chat::{ContextWish, Target, TurnRequest};
use loquat_domain::{Metadata, Sampling, Settings, Truncation};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    format::{ResponseFormatBody, response_format},
    message::{MessageBody, contents},
    tool::{CompletionToolBody, NamedChoiceBody, completion_tools, tool_choice},
    value::{self, EffortBody},
};
use crate::{
    body::{Field, RequestBody},
    error::ApiError,
    once::Creation,
    rules,
    text_or::TextOr,
};

/// The most texts at which an answer may be asked to stop, as at OpenAI.
const MAX_STOPS: usize = 4;

/// What can be asked of one chat completion. Fields that are not listed are ignored or refused by
/// the rule in `docs/api.md`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CreateCompletion)]
pub(crate) struct CreateCompletionBody {
    /// Absent: the server's default model.
    model: Option<String>,
    /// The whole conversation: the server keeps nothing of it. Required.
    #[schema(required, nullable = false)]
    messages: Option<Vec<MessageBody>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptionsBody>,
    #[schema(minimum = 1)]
    max_completion_tokens: Option<u32>,
    /// The older name of `max_completion_tokens`, which counts if both are there.
    #[schema(minimum = 1)]
    max_tokens: Option<u32>,
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f64>,
    #[schema(minimum = 0, maximum = 1)]
    top_p: Option<f64>,
    #[schema(minimum = -2, maximum = 2)]
    presence_penalty: Option<f64>,
    #[schema(minimum = -2, maximum = 2)]
    frequency_penalty: Option<f64>,
    seed: Option<i64>,
    /// One text, or up to four.
    stop: Option<TextOr<Vec<String>>>,
    #[schema(max_items = 128)]
    tools: Option<Vec<CompletionToolBody>>,
    tool_choice: Option<TextOr<NamedChoiceBody>>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<ResponseFormatBody>,
    reasoning_effort: Option<EffortBody>,
}

/// What a stream has beside the answer.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = StreamOptions)]
pub(crate) struct StreamOptionsBody {
    /// One more chunk at the end, with the usage.
    include_usage: Option<bool>,
}

/// How a completion is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Whole,
    Stream { include_usage: bool },
}

impl RequestBody for CreateCompletionBody {
    fn check(fields: &[Field<'_>]) -> Result<(), ApiError> {
        rules::check(fields, rules::COMPLETIONS)
    }
}

impl Creation for CreateCompletionBody {
    const ROUTE: &'static str = "chat.completions";
}

impl CreateCompletionBody {
    pub(crate) fn answer(&self) -> Answer {
        if !self.stream.unwrap_or(false) {
            return Answer::Whole;
        }
        let options = self.stream_options.as_ref();
        let include_usage = options.and_then(|it| it.include_usage).unwrap_or(false);
        Answer::Stream { include_usage }
    }
}

impl TryFrom<CreateCompletionBody> for TurnRequest {
    type Error = ApiError;

    fn try_from(body: CreateCompletionBody) -> Result<Self, ApiError> {
        let messages = body.messages.ok_or_else(|| ApiError::missing("messages"))?;
        if messages.is_empty() {
            return Err(ApiError::invalid("messages", "messages has at least one entry"));
        }
        let tools = completion_tools(body.tools)?;
        let newer = value::at_least("max_completion_tokens", body.max_completion_tokens, 1)?;
        let older = value::at_least("max_tokens", body.max_tokens, 1)?;
        let penalty = |param, value| value::within(param, value, -2.0..=2.0);
        Ok(Self {
            model: body.model,
            target: Target::Nothing,
            input: contents(messages)?,
            settings: Settings {
                instructions: None,
                max_output_tokens: newer.or(older),
                sampling: Sampling {
                    temperature: value::within("temperature", body.temperature, 0.0..=2.0)?,
                    top_p: value::within("top_p", body.top_p, 0.0..=1.0)?,
                    presence_penalty: penalty("presence_penalty", body.presence_penalty)?,
                    frequency_penalty: penalty("frequency_penalty", body.frequency_penalty)?,
                    seed: body.seed,
                },
                stop: stops(body.stop)?,
                tool_choice: tool_choice(body.tool_choice, &tools)?,
                tools,
                parallel_tool_calls: body.parallel_tool_calls,
                text_format: response_format(body.response_format)?,
                reasoning_effort: body.reasoning_effort.map(Into::into),
                // The caller has chosen what the model shall see, so nothing may be left out.
                truncation: Truncation::Disabled,
            },
            context: ContextWish::default(),
            metadata: Metadata::default(),
            store: false,
            background: false,
            once: None,
            token: None,
        })
    }
}

fn stops(stop: Option<TextOr<Vec<String>>>) -> Result<Vec<String>, ApiError> {
    let stops = match stop {
        None => Vec::new(),
        Some(TextOr::Text(text)) => vec![text],
        Some(TextOr::Other(texts)) => texts,
    };
    if stops.len() > MAX_STOPS || stops.iter().any(String::is_empty) {
        let message = format!("stop has at most {MAX_STOPS} texts, none of them empty");
        return Err(ApiError::invalid("stop", message));
    }
    Ok(stops)
}
