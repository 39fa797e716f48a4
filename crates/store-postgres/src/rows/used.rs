//! What was used.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Nullable, Text},
};
use loquat_domain::{ConversationId, Micros, TokenParts, UserId};
use loquat_store::{StoreError, UsageKey, UsageRow};
use uuid::Uuid;

use super::count;

/// Charges that were put together.
#[derive(Debug, QueryableByName)]
pub(crate) struct UsedRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    day: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    model: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    user_id: Option<String>,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    conversation: Option<Uuid>,
    #[diesel(sql_type = BigInt)]
    calls: i64,
    #[diesel(sql_type = BigInt)]
    estimated_calls: i64,
    #[diesel(sql_type = Text)]
    input_tokens: String,
    #[diesel(sql_type = Text)]
    cached_tokens: String,
    #[diesel(sql_type = Text)]
    cache_write_tokens: String,
    #[diesel(sql_type = Text)]
    output_tokens: String,
    #[diesel(sql_type = Text)]
    reasoning_tokens: String,
    #[diesel(sql_type = BigInt)]
    cost: i64,
}

impl TryFrom<UsedRow> for UsageRow {
    type Error = StoreError;

    fn try_from(row: UsedRow) -> Result<Self, StoreError> {
        let user = row.user_id.as_deref().map(UserId::new).transpose();
        Ok(Self {
            key: UsageKey {
                day: row.day,
                model: row.model,
                user: user.map_err(|_| StoreError::Corrupt { column: "user_id" })?,
                conversation: row.conversation.map(ConversationId::from_uuid),
            },
            calls: count(row.calls, "calls")?,
            estimated_calls: count(row.estimated_calls, "estimated_calls")?,
            tokens: TokenParts {
                input: tokens(&row.input_tokens, "input_tokens")?,
                cached: tokens(&row.cached_tokens, "cached_tokens")?,
                cache_write: tokens(&row.cache_write_tokens, "cache_write_tokens")?,
                output: tokens(&row.output_tokens, "output_tokens")?,
                reasoning: tokens(&row.reasoning_tokens, "reasoning_tokens")?,
            },
            cost: Micros(count(row.cost, "cost")?),
        })
    }
}

/// A sum of tokens, or the greatest number when that is not enough.
fn tokens(sum: &str, column: &'static str) -> Result<u64, StoreError> {
    let sum: u128 = sum.parse().map_err(|_| StoreError::Corrupt { column })?;
    Ok(u64::try_from(sum).unwrap_or(u64::MAX))
}
