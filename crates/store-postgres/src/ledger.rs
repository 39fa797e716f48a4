//! What was used and what it cost.

use async_trait::async_trait;
use loquat_domain::{Charge, ConversationId, Page, Scope, UserId};
use loquat_store::{Ledger, StoreError, UsageGroups, UsageKey, UsageQuery, UsageRow, Whose};

use crate::{
    PostgresStore,
    answers::{self, Answer, Nothing},
    arguments::Charges,
    pool::Repeat,
    rows::UsedRow,
    statement::Call,
};

#[async_trait]
impl Ledger for PostgresStore {
    async fn record(&self, scope: &Scope, charges: Vec<Charge>) -> Result<(), StoreError> {
        let charges = Charges::new(&charges);
        let record = Call::of("record_v1", scope, &charges.values());
        let rows: Vec<Answer<Nothing>> = self.pool.call(record, Repeat::Harmless).await?;
        answers::done(rows)
    }

    async fn usage(&self, scope: &Scope, query: UsageQuery) -> Result<Page<UsageRow>, StoreError> {
        let UsageGroups { day, model, user, conversation } = query.groups;
        let whose = match &query.whose {
            Whose::Own => Some(&scope.user),
            Whose::User(user) => Some(user),
            Whose::Tenant => None,
        };
        let first = UsageKey::default();
        let after = query.after.as_ref().unwrap_or(&first);
        let values = [
            whose.map(UserId::as_str).into(),
            query.from.as_micros().into(),
            query.until.as_micros().into(),
            day.into(),
            model.into(),
            user.into(),
            conversation.into(),
            query.after.is_some().into(),
            after.day.into(),
            after.model.as_deref().into(),
            after.user.as_ref().map(UserId::as_str).into(),
            after.conversation.map(ConversationId::as_uuid).into(),
            answers::read_ahead(query.limit).into(),
        ];
        let read = Call::of("usage_v1", scope, &values);
        let rows: Vec<UsedRow> = self.pool.call(read, Repeat::Harmless).await?;
        let rows = rows.into_iter().map(UsageRow::try_from).collect::<Result<_, _>>()?;
        Ok(Page::from_read_ahead(rows, query.limit))
    }
}
