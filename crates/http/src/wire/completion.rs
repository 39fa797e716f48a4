//! Chat completions that come whole, and what streamed ones share with them.

use loquat_domain::{
    CancelReason, Ended, IncompleteReason, Item, ItemContent, Message, Part, Response, Status,
    Usage,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorObject, cut_off, stopped};

/// A chat completion.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Completion)]
pub(crate) struct CompletionBody {
    id: String,
    object: &'static str,
    /// Seconds since the epoch.
    created: i64,
    model: String,
    /// Exactly one.
    choices: Vec<ChoiceBody>,
    usage: CompletionUsage,
}

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CompletionChoice)]
pub(crate) struct ChoiceBody {
    index: u32,
    message: CompletionMessage,
    /// Always null.
    #[schema(required, value_type = Option<Object>)]
    logprobs: Option<()>,
    /// `stop`, `length`, `tool_calls` or `content_filter`.
    finish_reason: &'static str,
}

/// What the model said.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = CompletionAnswer)]
pub(crate) struct CompletionMessage {
    role: &'static str,
    #[schema(required)]
    content: Option<String>,
    #[schema(required)]
    refusal: Option<String>,
    /// What the model thought. Not OpenAI's, but what the local servers and their clients know.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    tool_calls: Vec<ToolCallBody>,
}

/// A function that the model asks for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CompletionToolCall)]
pub(crate) struct ToolCallBody {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: CalledFunction,
}

/// A function and what it is called with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CalledFunction {
    name: String,
    /// JSON, as the model wrote it.
    arguments: String,
}

/// Tokens. The details are parts of the totals.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct CompletionUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptTokensDetails,
    completion_tokens_details: CompletionTokensDetails,
}

/// Parts of `prompt_tokens`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct PromptTokensDetails {
    /// Read from the provider's prompt cache.
    cached_tokens: u64,
}

/// Parts of `completion_tokens`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct CompletionTokensDetails {
    reasoning_tokens: u64,
}

impl From<&Usage> for CompletionUsage {
    fn from(usage: &Usage) -> Self {
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.total_tokens(),
            prompt_tokens_details: PromptTokensDetails { cached_tokens: usage.cached_tokens },
            completion_tokens_details: CompletionTokensDetails {
                reasoning_tokens: usage.reasoning_tokens,
            },
        }
    }
}

impl TryFrom<&Ended> for CompletionBody {
    type Error = ApiError;

    /// # Errors
    ///
    /// That of [`finish_reason`], as an answer.
    fn try_from(ended: &Ended) -> Result<Self, ApiError> {
        let choice = ChoiceBody {
            index: 0,
            finish_reason: outcome(ended)?,
            message: message(ended.output.iter().map(AsRef::as_ref)),
            logprobs: None,
        };
        let response = &ended.response;
        Ok(Self {
            id: completion_id(response),
            object: "chat.completion",
            created: response.created_at.as_secs(),
            model: response.model.clone(),
            choices: vec![choice],
            usage: CompletionUsage::from(&response.usage.unwrap_or_default()),
        })
    }
}

fn message<'a>(output: impl Iterator<Item = &'a Item>) -> CompletionMessage {
    let mut message = CompletionMessage { role: "assistant", ..CompletionMessage::default() };
    for item in output {
        match &item.content {
            ItemContent::Message(Message { parts, .. }) => {
                for part in parts {
                    match part {
                        Part::Text(text) => add(&mut message.content, text),
                        Part::Refusal(text) => add(&mut message.refusal, text),
                        // No model of ours makes images.
                        Part::Image { .. } => {}
                    }
                }
            }
            ItemContent::Reasoning(reasoning) => {
                add(&mut message.reasoning_content, &reasoning.text);
                for summary in &reasoning.summary {
                    add(&mut message.reasoning_content, summary);
                }
            }
            ItemContent::FunctionCall(call) => message.tool_calls.push(ToolCallBody {
                id: call.call_id.clone(),
                kind: "function",
                function: CalledFunction {
                    name: call.name.clone(),
                    arguments: call.arguments.clone(),
                },
            }),
            // These are input, and never part of an answer.
            ItemContent::FunctionCallOutput(_) | ItemContent::Compaction(_) => {}
        }
    }
    message
}

fn add(text: &mut Option<String>, more: &str) {
    text.get_or_insert_default().push_str(more);
}

/// The completion's id: that of its response, in the form that such clients know.
pub(crate) fn completion_id(response: &Response) -> String {
    format!("chatcmpl-{}", response.id.as_uuid().simple())
}

/// Why the model stopped, in the words of chat completions.
///
/// # Errors
///
/// An answer that was cut off or failed: chat completions have no word for that but an error.
pub(crate) fn finish_reason(ended: &Ended) -> Result<&'static str, ErrorObject> {
    outcome(ended).map_err(|error| ErrorObject::from(&error))
}

fn outcome(ended: &Ended) -> Result<&'static str, ApiError> {
    match &ended.response.status {
        Status::Completed => {
            let asks = |item: &Item| matches!(item.content, ItemContent::FunctionCall(_));
            let calls = ended.output.iter().any(|item| asks(item));
            Ok(if calls { "tool_calls" } else { "stop" })
        }
        Status::Incomplete(IncompleteReason::MaxOutputTokens) => Ok("length"),
        Status::Incomplete(IncompleteReason::ContentFilter) => Ok("content_filter"),
        Status::Incomplete(reason) => Err(cut_off(*reason).unwrap_or_else(ApiError::internal)),
        Status::Failed(failure) => Err(failure.into()),
        Status::Cancelled(CancelReason::ByOwner) => Err(stopped()),
        Status::Cancelled(CancelReason::AccessRevoked) => Err(ApiError::no_token()),
        Status::Queued | Status::InProgress => Err(ApiError::internal()),
    }
}
