//! What was used, put together.

use loquat_domain::{Day, Micros};
use loquat_store::{UsageKey, UsageRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::list::Entry;
use crate::csv::{self, Cell};

/// What was used, and what it cost. By what rows are not put together is null in all of them. The five
/// numbers of tokens are disjoint: each token is in exactly one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageRow)]
pub(crate) struct UsageRowBody {
    /// `usage.row`.
    object: &'static str,
    /// The day, UTC: `2026-11-26`.
    #[schema(required)]
    day: Option<String>,
    /// The model that answered.
    #[schema(required)]
    model: Option<String>,
    #[schema(required)]
    user: Option<String>,
    /// Null too for what was used outside of conversations.
    #[schema(required)]
    conversation_id: Option<String>,
    /// Calls of providers.
    calls: u64,
    /// Those of them whose usage the server has counted itself, because the provider did not say.
    estimated_calls: u64,
    /// Of prompts, neither read from nor written to the provider's cache.
    input_tokens: u64,
    /// Of prompts, read from the provider's cache.
    cached_tokens: u64,
    /// Of prompts, written to the provider's cache.
    cache_write_tokens: u64,
    /// Of answers, without thoughts.
    output_tokens: u64,
    /// Of thoughts.
    reasoning_tokens: u64,
    /// In millionths of the currency that the operator's prices are in.
    cost_micros: u64,
    #[serde(skip)]
    cursor: String,
}

/// The first line, in the order of [`UsageRowBody::write_csv`].
const COLUMNS: &str = "day,model,user,conversation_id,calls,estimated_calls,input_tokens,\
    cached_tokens,cache_write_tokens,output_tokens,reasoning_tokens,cost_micros\r\n";

impl UsageRowBody {
    /// A row, and the cursor behind it.
    pub(crate) fn new(row: &UsageRow, cursor: String) -> Self {
        let UsageRow { key, calls, estimated_calls, tokens, cost: Micros(cost) } = row;
        let UsageKey { day, model, user, conversation } = key;
        Self {
            object: "usage.row",
            day: day.map(|day| Day::since_epoch(day).to_string()),
            model: model.clone(),
            user: user.as_ref().map(ToString::to_string),
            conversation_id: conversation.map(|id| id.to_string()),
            calls: *calls,
            estimated_calls: *estimated_calls,
            input_tokens: tokens.input,
            cached_tokens: tokens.cached,
            cache_write_tokens: tokens.cache_write,
            output_tokens: tokens.output,
            reasoning_tokens: tokens.reasoning,
            cost_micros: *cost,
            cursor,
        }
    }

    fn write_csv(&self, out: &mut String) {
        let names = [&self.day, &self.model, &self.user, &self.conversation_id];
        let names = names.map(|name| name.as_deref().map_or(Cell::Nothing, Cell::Text));
        let numbers = [
            self.calls,
            self.estimated_calls,
            self.input_tokens,
            self.cached_tokens,
            self.cache_write_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.cost_micros,
        ];
        csv::line(names.into_iter().chain(numbers.map(Cell::Number)), out);
    }
}

impl Entry for UsageRowBody {
    fn id(&self) -> &str {
        &self.cursor
    }
}

/// Rows as comma-separated values, with a line of names above.
pub(crate) fn table(rows: &[UsageRowBody]) -> String {
    let mut out = COLUMNS.to_owned();
    for row in rows {
        row.write_csv(&mut out);
    }
    out
}
