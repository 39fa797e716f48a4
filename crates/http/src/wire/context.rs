//! What a model has seen of a history, or would see.

use loquat_context::Receipt;
use loquat_store::StoredResponse;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{receipt::ReceiptBody, route::RoutingBody, settings::raw};

/// What the model has seen of a history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResponseContext)]
pub(crate) struct ResponseContextBody<'a> {
    /// `response.context`.
    object: &'static str,
    response_id: String,
    /// As it was stored: that of an answer of an older version of the server has the form of then.
    #[schema(value_type = ReceiptBody)]
    receipt: &'a RawValue,
    /// Which models were chosen and asked; null when there was nothing to choose and the first has
    /// answered.
    #[schema(value_type = Option<RoutingBody>, required)]
    routing: Option<&'a RawValue>,
}

impl<'a> ResponseContextBody<'a> {
    /// `None` when what is stored is no JSON.
    pub(crate) fn of(stored: &'a StoredResponse) -> Option<Self> {
        Some(Self {
            object: "response.context",
            response_id: stored.response.id.to_string(),
            receipt: raw(&stored.receipt)?,
            routing: stored.route.as_ref().and_then(raw),
        })
    }
}

/// What a request would cost, and what the model would see.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InputTokens)]
pub(crate) struct InputTokensBody {
    /// `response.input_tokens`.
    object: &'static str,
    /// The prompt's tokens, as the provider is expected to count them.
    input_tokens: u64,
    #[schema(value_type = ReceiptBody)]
    receipt: Receipt,
}

impl From<Receipt> for InputTokensBody {
    fn from(receipt: Receipt) -> Self {
        let ours = u64::from(receipt.budget.used);
        let input_tokens = (ours * u64::from(receipt.counter.eighths)).div_ceil(8);
        Self { object: "response.input_tokens", input_tokens, receipt }
    }
}
