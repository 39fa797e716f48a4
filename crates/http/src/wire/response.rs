//! The response object: every key that the Open Responses schema demands, and those that OpenAI's
//! clients read beside them.

use std::{collections::BTreeMap, sync::Arc};

use loquat_domain::{CancelReason, Item, Response, Status};
use loquat_store::StoredResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    item::ItemBody,
    settings::{TextBody, ToolBody, ToolChoiceBody},
    usage::UsageBody,
};

/// What a model is taken to do where neither the caller nor we said anything. The schema has no
/// null for these numbers; OpenAI answers the same ones.
const DEFAULT_TEMPERATURE: f64 = 1.0;
const DEFAULT_TOP_P: f64 = 1.0;
const DEFAULT_PENALTY: f64 = 0.0;

/// One answer of a model. Every key is always there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Response)]
pub(crate) struct ResponseBody<'a> {
    id: String,
    object: &'static str,
    /// Seconds since the epoch.
    created_at: i64,
    #[schema(required)]
    completed_at: Option<i64>,
    /// `queued`, `in_progress`, `completed`, `incomplete`, `failed` or `cancelled`.
    status: &'static str,
    background: bool,
    #[schema(required)]
    incomplete_details: Option<IncompleteDetails>,
    #[schema(required)]
    error: Option<ResponseError<'a>>,
    #[schema(required)]
    conversation: Option<ConversationName>,
    #[schema(required)]
    previous_response_id: Option<String>,
    model: &'a str,
    #[schema(required)]
    instructions: Option<&'a str>,
    output: Vec<ItemBody>,
    #[schema(required)]
    usage: Option<UsageBody>,
    #[schema(required)]
    max_output_tokens: Option<u32>,
    #[schema(required)]
    max_tool_calls: Option<u32>,
    tools: Vec<ToolBody<'a>>,
    tool_choice: ToolChoiceBody<'a>,
    parallel_tool_calls: bool,
    text: TextBody<'a>,
    reasoning: ReasoningBody,
    truncation: &'static str,
    temperature: f64,
    top_p: f64,
    presence_penalty: f64,
    frequency_penalty: f64,
    top_logprobs: u32,
    store: bool,
    service_tier: &'static str,
    metadata: &'a BTreeMap<String, String>,
    #[schema(required)]
    safety_identifier: Option<&'static str>,
    #[schema(required)]
    prompt_cache_key: Option<&'static str>,
}

/// Why an answer was cut off.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncompleteDetails {
    /// `docs/errors.md` lists every reason.
    reason: &'static str,
}

/// Why an answer failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResponseError<'a> {
    /// `docs/errors.md` lists every code.
    code: &'static str,
    message: &'a str,
}

/// The conversation that an answer belongs to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResponseConversation)]
pub(crate) struct ConversationName {
    id: String,
}

/// How the model was asked to think.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reasoning)]
pub(crate) struct ReasoningBody {
    #[schema(required)]
    effort: Option<&'static str>,
    #[schema(required)]
    summary: Option<&'static str>,
}

impl<'a> ResponseBody<'a> {
    /// A response with the items that it has produced so far.
    pub(crate) fn new(response: &'a Response, output: &[Arc<Item>]) -> Self {
        Self::of(response, output.iter().map(|item| ItemBody::from(item.as_ref())).collect())
    }

    fn of(response: &'a Response, output: Vec<ItemBody>) -> Self {
        let settings = &response.settings;
        let sampling = &settings.sampling;
        Self {
            id: response.id.to_string(),
            object: "response",
            created_at: response.created_at.as_secs(),
            completed_at: response.completed_at.map(loquat_domain::Timestamp::as_secs),
            status: response.status.as_str(),
            background: response.background,
            incomplete_details: match response.status {
                Status::Incomplete(reason) => Some(IncompleteDetails { reason: reason.as_str() }),
                Status::Cancelled(reason @ CancelReason::AccessRevoked) => {
                    Some(IncompleteDetails { reason: reason.as_str() })
                }
                _ => None,
            },
            error: match &response.status {
                Status::Failed(failure) => {
                    Some(ResponseError { code: failure.code.as_str(), message: &failure.message })
                }
                _ => None,
            },
            conversation: response.conversation.map(|id| ConversationName { id: id.to_string() }),
            previous_response_id: response.previous.map(|id| id.to_string()),
            model: &response.model,
            instructions: settings.instructions.as_deref(),
            output,
            usage: response.usage.as_ref().map(UsageBody::from),
            max_output_tokens: settings.max_output_tokens,
            max_tool_calls: None,
            tools: settings.tools.iter().map(ToolBody::from).collect(),
            tool_choice: (&settings.tool_choice).into(),
            parallel_tool_calls: settings.parallel_tool_calls.unwrap_or(true),
            text: (&settings.text_format).into(),
            reasoning: ReasoningBody {
                effort: settings.reasoning_effort.map(loquat_domain::ReasoningEffort::as_str),
                summary: None,
            },
            truncation: settings.truncation.as_str(),
            temperature: sampling.temperature.unwrap_or(DEFAULT_TEMPERATURE),
            top_p: sampling.top_p.unwrap_or(DEFAULT_TOP_P),
            presence_penalty: sampling.presence_penalty.unwrap_or(DEFAULT_PENALTY),
            frequency_penalty: sampling.frequency_penalty.unwrap_or(DEFAULT_PENALTY),
            top_logprobs: 0,
            store: true,
            service_tier: "default",
            metadata: response.metadata.pairs(),
            safety_identifier: None,
            prompt_cache_key: None,
        }
    }

    /// Says where the response stands, where that is not what was read.
    pub(crate) fn at(self, status: &Status) -> Self {
        Self { status: status.as_str(), ..self }
    }

    /// Says whether the response is kept; unless told otherwise, it is.
    pub(crate) fn stored(self, store: bool) -> Self {
        Self { store, ..self }
    }
}

impl<'a> From<&'a StoredResponse> for ResponseBody<'a> {
    fn from(stored: &'a StoredResponse) -> Self {
        Self::of(&stored.response, stored.output.iter().map(ItemBody::from).collect())
    }
}
