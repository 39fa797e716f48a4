//! `POST /v1/responses`.

use std::collections::BTreeMap;

use loquat_chat::{Missing, Target, TurnRequest};
use loquat_domain::{ItemContent, ItemId, Message, Role, Sampling, Settings, Truncation};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    context::{ContextBody, wish},
    format::{TextBody, text_format},
    item::{ItemBody, contents},
    tool::{NamedChoiceBody, ToolBody, tool_choice, tools},
    value::{self, EffortBody, present},
};
use crate::{
    body::{Field, RequestBody},
    error::ApiError,
    once::Creation,
    rules,
    text_or::TextOr,
};

/// The fewest tokens that an answer may be limited to, as at OpenAI.
const MIN_OUTPUT_TOKENS: u32 = 16;

/// What may be asked to be included, and means nothing here: it is always there or never.
const INCLUDABLE: [&str; 7] = [
    "reasoning.encrypted_content",
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
];

/// What can be asked of one answer. Fields that are not listed are ignored or refused by the rule
/// in `docs/api.md`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CreateResponse)]
pub(crate) struct CreateResponseBody {
    /// Absent: the server's default model.
    model: Option<String>,
    /// The new items; a text is one message of the user. Required.
    #[schema(required, nullable = false)]
    input: Option<TextOr<Vec<ItemBody>>>,
    /// For this answer only.
    instructions: Option<String>,
    /// Continues this response. Not together with `conversation`.
    previous_response_id: Option<String>,
    /// Continues this conversation, which takes in the new items and the answer.
    conversation: Option<TextOr<ConversationName>>,
    stream: Option<bool>,
    /// True: the answer goes on whether or not anybody waits for it. Without `stream` the response
    /// comes back at once, `queued`; ask for it again until it has ended. Needs `store`.
    background: Option<bool>,
    /// False: nothing is stored, whatever is continued. Absent: true.
    store: Option<bool>,
    /// What happens when the history does not fit. Absent: `auto`, unlike at OpenAI.
    truncation: Option<TruncationBody>,
    /// Which part of the history the model sees, where that is not as the model is configured. An
    /// extension of this server.
    context: Option<ContextBody>,
    #[schema(minimum = 16)]
    max_output_tokens: Option<u32>,
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f64>,
    #[schema(minimum = 0, maximum = 1)]
    top_p: Option<f64>,
    #[schema(minimum = -2, maximum = 2)]
    presence_penalty: Option<f64>,
    #[schema(minimum = -2, maximum = 2)]
    frequency_penalty: Option<f64>,
    #[schema(max_items = 128)]
    tools: Option<Vec<ToolBody>>,
    tool_choice: Option<TextOr<NamedChoiceBody>>,
    parallel_tool_calls: Option<bool>,
    text: Option<TextBody>,
    reasoning: Option<ReasoningBody>,
    include: Option<Vec<String>>,
    /// At most 16 pairs; keys of up to 64 and values of up to 512 characters.
    metadata: Option<BTreeMap<String, String>>,
}

/// A conversation by its id, and where in it to go on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConversationName {
    id: String,
    /// Goes on after this item, whichever branch it is on, and begins a new branch there; null goes
    /// on before the first item. Absent: at the end of the active branch.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    #[expect(clippy::option_option, reason = "absent, null and an id mean three things")]
    after: Option<Option<String>>,
}

/// What happens when the history does not fit the model's window.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Truncation)]
pub(crate) enum TruncationBody {
    /// The oldest items stay out of the prompt.
    Auto,
    /// The request is refused.
    Disabled,
}

/// How to think.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ReasoningSettings)]
pub(crate) struct ReasoningBody {
    effort: Option<EffortBody>,
}

impl RequestBody for CreateResponseBody {
    fn check(fields: &[Field<'_>]) -> Result<(), ApiError> {
        rules::check(fields, rules::RESPONSES)
    }
}

impl Creation for CreateResponseBody {
    const ROUTE: &'static str = "responses";
}

impl CreateResponseBody {
    /// True when the answer shall be streamed.
    pub(crate) fn streams(&self) -> bool {
        self.stream.unwrap_or(false)
    }
}

impl TryFrom<CreateResponseBody> for TurnRequest {
    type Error = ApiError;

    fn try_from(body: CreateResponseBody) -> Result<Self, ApiError> {
        let has_input = body.input.is_some();
        let request = body.request()?;
        if has_input { Ok(request) } else { Err(ApiError::missing("input")) }
    }
}

impl CreateResponseBody {
    /// The same with no new item where there is no `input`.
    pub(super) fn request(self) -> Result<TurnRequest, ApiError> {
        let body = self;
        let target = target(body.conversation, body.previous_response_id)?;
        for name in body.include.unwrap_or_default() {
            check_included(&name)?;
        }
        let tools = tools(body.tools)?;
        Ok(TurnRequest {
            model: body.model,
            target,
            input: input(body.input)?,
            settings: Settings {
                instructions: body.instructions,
                max_output_tokens: value::at_least(
                    "max_output_tokens",
                    body.max_output_tokens,
                    MIN_OUTPUT_TOKENS,
                )?,
                sampling: Sampling {
                    temperature: value::within("temperature", body.temperature, 0.0..=2.0)?,
                    top_p: value::within("top_p", body.top_p, 0.0..=1.0)?,
                    presence_penalty: value::within(
                        "presence_penalty",
                        body.presence_penalty,
                        -2.0..=2.0,
                    )?,
                    frequency_penalty: value::within(
                        "frequency_penalty",
                        body.frequency_penalty,
                        -2.0..=2.0,
                    )?,
                    seed: None,
                },
                stop: Vec::new(),
                tool_choice: tool_choice(body.tool_choice, &tools)?,
                tools,
                parallel_tool_calls: body.parallel_tool_calls,
                text_format: text_format(body.text)?,
                reasoning_effort: body.reasoning.and_then(|it| it.effort).map(Into::into),
                truncation: match body.truncation {
                    None | Some(TruncationBody::Auto) => Truncation::Auto,
                    Some(TruncationBody::Disabled) => Truncation::Disabled,
                },
            },
            context: wish(body.context)?,
            metadata: value::metadata(body.metadata)?,
            store: body.store.unwrap_or(true),
            background: body.background.unwrap_or(false),
            once: None,
            token: None,
        })
    }
}

/// The new items.
pub(super) fn input(input: Option<TextOr<Vec<ItemBody>>>) -> Result<Vec<ItemContent>, ApiError> {
    match input {
        Some(TextOr::Text(text)) => Ok(vec![ItemContent::Message(Message::text(Role::User, text))]),
        Some(TextOr::Other(items)) => contents(items, "input"),
        None => Ok(Vec::new()),
    }
}

/// Which history the turn continues. An id that is none is one that nobody has.
pub(super) fn target(
    conversation: Option<TextOr<ConversationName>>,
    previous: Option<String>,
) -> Result<Target, ApiError> {
    match (conversation, previous) {
        (None, None) => Ok(Target::Nothing),
        (Some(TextOr::Text(id) | TextOr::Other(ConversationName { id, after: None })), None) => id
            .parse()
            .map(Target::Conversation)
            .map_err(|_| ApiError::not_found(Missing::Conversation)),
        (Some(TextOr::Other(ConversationName { id, after: Some(after) })), None) => {
            place(&id, after.as_deref())
        }
        (None, Some(id)) => id
            .parse()
            .map(Target::Response)
            .map_err(|_| ApiError::not_found(Missing::PreviousResponse)),
        (Some(_), Some(_)) => {
            let message = "previous_response_id and conversation exclude each other";
            Err(ApiError::invalid("previous_response_id", message))
        }
    }
}

/// A place in a conversation.
fn place(conversation: &str, after: Option<&str>) -> Result<Target, ApiError> {
    let missing = if after.is_some() { Missing::Item } else { Missing::Conversation };
    let no_such = || ApiError::not_found(missing);
    let item = after.map(str::parse::<ItemId>).transpose();
    match (conversation.parse(), item) {
        (Ok(conversation), Ok(item)) => Ok(Target::After(conversation, item)),
        _ => Err(no_such()),
    }
}

fn check_included(name: &str) -> Result<(), ApiError> {
    match name {
        "message.output_text.logprobs" => Err(ApiError::unsupported("include")),
        _ if INCLUDABLE.contains(&name) => Ok(()),
        _ => Err(ApiError::invalid("include", "include names something that is unknown")),
    }
}
