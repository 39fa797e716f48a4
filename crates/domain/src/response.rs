//! One answer of a model.

use std::fmt;

use crate::{ConversationId, Metadata, RawJson, ResponseId, Timestamp, Usage};

/// One answer of a model: its settings, where it stands and what it used.
///
/// The items that it took and produced are kept beside it, not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// Its id.
    pub id: ResponseId,
    /// The listed conversation that it belongs to; `None` when it chains by
    /// `previous_response_id` only, or is not stored.
    pub conversation: Option<ConversationId>,
    /// The response that it continues.
    pub previous: Option<ResponseId>,
    /// The model's name, as configured.
    pub model: String,
    /// What the caller asked for.
    pub settings: Settings,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
    /// True when it goes on whoever reads it, and may wait in a queue before it begins.
    pub background: bool,
    /// Where it stands.
    pub status: Status,
    /// What it used, once that is known.
    pub usage: Option<Usage>,
    /// When the turn was accepted.
    pub created_at: Timestamp,
    /// When it came to its end.
    pub completed_at: Option<Timestamp>,
}

/// Where a response stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It waits for a place among the background responses that are at work.
    Queued,
    /// The model is at work.
    InProgress,
    /// The model said that it was done, and all of it is stored.
    Completed,
    /// The answer was cut off; what came is stored.
    Incomplete(IncompleteReason),
    /// The provider or we failed; what came is stored.
    Failed(Failure),
    /// It was stopped; what came is stored.
    Cancelled(CancelReason),
}

impl Status {
    /// The status on the wire and in a column.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
            Self::Cancelled(_) => "cancelled",
        }
    }

    /// True once nothing more will come.
    pub const fn is_terminal(&self) -> bool {
        !matches!(self, Self::Queued | Self::InProgress)
    }
}

/// Why an answer was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CancelReason {
    /// Its owner stopped it, went away, or deleted it.
    ByOwner,
    /// Its owner's access was revoked.
    AccessRevoked,
}

impl CancelReason {
    /// Every reason.
    pub const ALL: [Self; 2] = [Self::ByOwner, Self::AccessRevoked];

    /// The reason on the wire and in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByOwner => "by_owner",
            Self::AccessRevoked => "access_revoked",
        }
    }
}

/// What cut an answer off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncompleteReason {
    /// The answer reached its limit of tokens, or our own limit of bytes.
    MaxOutputTokens,
    /// The provider's filter stopped it.
    ContentFilter,
    /// The provider's stream ended without a finish reason.
    UpstreamDisconnected,
    /// The process that ran the turn died.
    ServerRestart,
    /// The process that ran the turn was asked to stop.
    ServerShutdown,
}

impl IncompleteReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::MaxOutputTokens,
        Self::ContentFilter,
        Self::UpstreamDisconnected,
        Self::ServerRestart,
        Self::ServerShutdown,
    ];

    /// The reason on the wire and in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxOutputTokens => "max_output_tokens",
            Self::ContentFilter => "content_filter",
            Self::UpstreamDisconnected => "upstream_disconnected",
            Self::ServerRestart => "server_restart",
            Self::ServerShutdown => "server_shutdown",
        }
    }
}

/// Why a response failed, in words for its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The decision that a program can take.
    pub code: FailureCode,
    /// One sentence for a person; never a secret, a prompt or a provider's own words.
    pub message: String,
}

/// The ways in which a turn can fail once it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureCode {
    /// The provider asks us to slow down.
    RateLimitExceeded,
    /// The provider cannot be reached or says that it is broken.
    ProviderUnavailable,
    /// The provider did not accept the connection in time.
    ProviderConnectTimeout,
    /// The provider accepted and then produced nothing in time.
    ProviderFirstTokenTimeout,
    /// The provider stopped in the middle for too long.
    ProviderIdleTimeout,
    /// The whole turn took too long.
    TurnTimeout,
    /// The provider refused our credentials: the operator's to mend.
    ProviderAuthentication,
    /// The provider refused the request as it stands.
    ProviderRejected,
    /// The provider's own count says that the prompt is too long.
    ContextLengthExceeded,
    /// The provider spoke a language that we do not know.
    ProviderProtocol,
    /// The provider reported an error in the middle of its answer.
    ProviderError,
    /// The answer could not be stored.
    Storage,
    /// A fault of our own.
    ServerError,
}

impl FailureCode {
    /// Every code.
    pub const ALL: [Self; 13] = [
        Self::RateLimitExceeded,
        Self::ProviderUnavailable,
        Self::ProviderConnectTimeout,
        Self::ProviderFirstTokenTimeout,
        Self::ProviderIdleTimeout,
        Self::TurnTimeout,
        Self::ProviderAuthentication,
        Self::ProviderRejected,
        Self::ContextLengthExceeded,
        Self::ProviderProtocol,
        Self::ProviderError,
        Self::Storage,
        Self::ServerError,
    ];

    /// The code on the wire and in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimitExceeded => "rate_limit_exceeded",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::ProviderConnectTimeout => "provider_connect_timeout",
            Self::ProviderFirstTokenTimeout => "provider_first_token_timeout",
            Self::ProviderIdleTimeout => "provider_idle_timeout",
            Self::TurnTimeout => "turn_timeout",
            Self::ProviderAuthentication => "provider_authentication",
            Self::ProviderRejected => "provider_rejected",
            Self::ContextLengthExceeded => "context_length_exceeded",
            Self::ProviderProtocol => "provider_protocol",
            Self::ProviderError => "provider_error",
            Self::Storage => "storage",
            Self::ServerError => "server_error",
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a caller asked of one answer, beyond its input. Kept with the response and echoed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Words of the operator for this answer only; not carried over to the next.
    pub instructions: Option<String>,
    /// The most tokens that the answer may have.
    pub max_output_tokens: Option<u32>,
    /// How the next token is drawn.
    pub sampling: Sampling,
    /// Texts at which the answer stops; the Responses wire has no such field.
    pub stop: Vec<String>,
    /// The functions that the model may ask for.
    pub tools: Vec<Tool>,
    /// Whether it may, must or must not ask for one.
    pub tool_choice: ToolChoice,
    /// Whether it may ask for several at once; `None` leaves it to the provider.
    pub parallel_tool_calls: Option<bool>,
    /// The form that the answer's text must have.
    pub text_format: TextFormat,
    /// How hard to think; `None` leaves it to the provider.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// What happens when the history does not fit the model's window.
    pub truncation: Truncation,
}

/// How the next token is drawn. `None` leaves the value to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sampling {
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// -2 to 2.
    pub presence_penalty: Option<f64>,
    /// -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// Asks the provider to draw the same tokens again, as far as it can.
    pub seed: Option<i64>,
}

/// A function that the model may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its name, 1 to 64 characters.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// JSON Schema of its arguments, passed on unread.
    pub parameters: Option<RawJson>,
    /// Whether the arguments must follow the schema exactly.
    pub strict: Option<bool>,
}

/// Whether the model may, must or must not ask for a function.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// It must not.
    None,
    /// It decides.
    #[default]
    Auto,
    /// It must ask for one.
    Required,
    /// It must ask for this one.
    Function(String),
}

/// The form that the answer's text must have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TextFormat {
    /// Any text.
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// The schema's name, for the model.
        name: String,
        /// What it is for, for the model.
        description: Option<String>,
        /// The schema, passed on unread.
        schema: RawJson,
        /// Whether it must be followed exactly.
        strict: Option<bool>,
    },
}

/// How hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasoningEffort {
    /// Not at all.
    None,
    /// Barely.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// As much as there is.
    ExtraHigh,
}

impl ReasoningEffort {
    /// The effort's name on the wire and in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::ExtraHigh => "xhigh",
        }
    }
}

/// What happens when the history does not fit the model's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Truncation {
    /// The oldest items stay out of the prompt; the receipt says which.
    #[default]
    Auto,
    /// The request is refused.
    Disabled,
}

impl Truncation {
    /// The name on the wire and in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Disabled => "disabled",
        }
    }
}
