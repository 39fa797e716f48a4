//! What was used and what it cost.

use async_trait::async_trait;
use loquat_domain::{
    Charge, ConversationId, Micros, Page, PageLimit, Scope, Timestamp, TokenParts, UserId,
};

use crate::StoreError;

/// Whose charges are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Those of the scope's own user.
    Own,
    /// Those of this user of the scope's tenant.
    User(UserId),
    /// Those of all users of the scope's tenant.
    Tenant,
}

/// By what charges are put together. What is false is one and the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own, and all mix")]
pub struct UsageGroups {
    /// By day, UTC.
    pub day: bool,
    /// By the model that was called.
    pub model: bool,
    /// By user.
    pub user: bool,
    /// By listed conversation.
    pub conversation: bool,
}

/// What makes a row of usage. Rows are ordered by it, field by field as they stand here; `None` comes
/// before everything, also where the charges have none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UsageKey {
    /// Days since the Unix epoch, UTC; `None` when not put together by day.
    pub day: Option<i64>,
    /// The model that was called; `None` when not put together by model.
    pub model: Option<String>,
    /// The user; `None` when not put together by user.
    pub user: Option<UserId>,
    /// The conversation; `None` when not put together by conversation, and for what was used outside
    /// of listed ones.
    pub conversation: Option<ConversationId>,
}

/// Which usage is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageQuery {
    /// Whose.
    pub whose: Whose,
    /// Of charges at or after this moment.
    pub from: Timestamp,
    /// Of charges before this moment.
    pub until: Timestamp,
    /// By what they are put together.
    pub groups: UsageGroups,
    /// The last row that the caller has seen; `None` asks for the first page.
    pub after: Option<UsageKey>,
    /// The most rows that the page may have.
    pub limit: PageLimit,
}

/// Charges, put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// What they have in common.
    pub key: UsageKey,
    /// How many calls of providers.
    pub calls: u64,
    /// How many of them with usage that we counted ourselves.
    pub estimated_calls: u64,
    /// What was used.
    pub tokens: TokenParts,
    /// What it cost: exactly the sum of the charges.
    pub cost: Micros,
}

/// The book of charges. What is in it stays, whatever becomes of conversations and responses.
///
/// Most charges come with the end of their turn, in the same step: see
/// [`FinishTurn::charges`](crate::FinishTurn::charges).
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Adds charges. One whose response, purpose and attempt are in the book already is left out, and
    /// so is one whose id is; an id belongs to one user and one moment. Numbers of tokens and prices
    /// above what a column of 64 signed bits holds are kept as that.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`] and [`StoreError::Internal`].
    async fn record(&self, scope: &Scope, charges: Vec<Charge>) -> Result<(), StoreError>;

    /// Reads usage, ordered by its key. Where there are no charges there is no row. A sum of tokens
    /// or of cost that does not fit is the greatest that does.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`], [`StoreError::Corrupt`] and [`StoreError::Internal`].
    async fn usage(&self, scope: &Scope, query: UsageQuery) -> Result<Page<UsageRow>, StoreError>;
}
