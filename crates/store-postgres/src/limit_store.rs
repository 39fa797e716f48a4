//! How much of what is limited has been taken.

use std::{borrow::Cow, time::Duration};

use async_trait::async_trait;
use loquat_domain::{Limit, LimitKey, Scope, Timestamp, UserId, Whom};
use loquat_store::{AuditEntry, Exchange, Exchanged, LimitStore, StoreError};
use uuid::Uuid;

use crate::{
    PostgresStore,
    answers::{self, Answer, Nothing, unexpected},
    arguments::{audit, integer, micros},
    pool::Repeat,
    rows::{ExchangedRow, LimitRow},
    statement::{Call, Value},
};

#[async_trait]
impl LimitStore for PostgresStore {
    async fn exchange(
        &self,
        holder: Uuid,
        lease: Duration,
        batch: Vec<Exchange>,
    ) -> Result<Vec<Exchanged>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch: Vec<(usize, Exchange)> = batch.into_iter().enumerate().collect();
        // In this order everybody takes locks.
        batch.sort_by(|(_, one), (_, other)| one.key.cmp(&other.key));
        let columns = Columns::new(&batch);
        let exchange =
            Call::new("exchange_v1", [holder.into(), micros(lease).into()]).and(&columns.values());
        // What all requests of a process may wait for does not wait for any of them.
        let rows: Vec<ExchangedRow> = self.pool.call_reserved(exchange, Repeat::Never).await?;
        let mut exchanged: Vec<Option<Exchanged>> = vec![None; batch.len()];
        for row in rows {
            let number = usize::try_from(row.exchange).ok().and_then(|n| n.checked_sub(1));
            let place = number.and_then(|number| batch.get(number)).map(|(place, _)| *place);
            let Some(answer) = place.and_then(|place| exchanged.get_mut(place)) else {
                return Err(unexpected("an exchange that was not sent"));
            };
            *answer = Some(row.try_into()?);
        }
        exchanged.into_iter().collect::<Option<_>>().ok_or_else(|| unexpected("too few exchanges"))
    }

    async fn limits(&self, scope: &Scope) -> Result<Vec<Limit>, StoreError> {
        let read = Call::of("limits_v1", scope, &[]);
        let rows: Vec<LimitRow> = self.pool.call(read, Repeat::Harmless).await?;
        let limits = rows.into_iter().map(Limit::try_from);
        let mut limits = limits.collect::<Result<Vec<_>, _>>()?;
        limits.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(limits)
    }

    async fn set_limit(
        &self,
        scope: &Scope,
        limit: Limit,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let set = Call::of("set_limit_v1", scope, &key(&limit.key))
            .and(&[limit.most.map(integer).into()])
            .and(&audit(&entry));
        // Done again, it would undo what was set meanwhile.
        let rows: Vec<Answer<Nothing>> = self.pool.call(set, Repeat::Never).await?;
        answers::done(rows)
    }

    async fn remove_limit(
        &self,
        scope: &Scope,
        limit: LimitKey,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let remove = Call::of("remove_limit_v1", scope, &key(&limit)).and(&audit(&entry));
        let rows: Vec<Answer<Nothing>> = self.pool.call(remove, Repeat::Never).await?;
        answers::done(rows)
    }
}

/// Exchanges, an array a column.
#[derive(Debug, Default)]
struct Columns<'a> {
    tenants: Vec<Option<Cow<'a, str>>>,
    users: Vec<Option<Cow<'a, str>>>,
    models: Vec<Option<Cow<'a, str>>>,
    meters: Vec<Option<Cow<'a, str>>>,
    mosts: Vec<Option<i64>>,
    returned: Vec<Option<i64>>,
    returned_to: Vec<Option<i64>>,
    needs: Vec<Option<i64>>,
    wants: Vec<Option<i64>>,
}

impl<'a> Columns<'a> {
    fn new(batch: &'a [(usize, Exchange)]) -> Self {
        let mut columns = Self::default();
        for (_, exchange) in batch {
            let key = &exchange.key;
            let text = |text: &'a str| Some(Cow::Borrowed(text));
            columns.tenants.push(text(key.tenant.as_str()));
            columns.users.push(text(key.user.as_ref().map_or("", UserId::as_str)));
            columns.models.push(text(key.model.as_deref().unwrap_or("")));
            columns.meters.push(text(key.meter.as_str()));
            columns.mosts.push(Some(integer(exchange.most)));
            columns.returned.push(Some(exchange.returned));
            columns.returned_to.push(exchange.returned_to.map(Timestamp::as_micros));
            columns.needs.push(Some(integer(exchange.need)));
            columns.wants.push(Some(integer(exchange.want)));
        }
        columns
    }

    fn values(&self) -> [Value<'_>; 9] {
        [
            Value::Texts(&self.tenants),
            Value::Texts(&self.users),
            Value::Texts(&self.models),
            Value::Texts(&self.meters),
            Value::Integers(&self.mosts),
            Value::Integers(&self.returned),
            Value::Integers(&self.returned_to),
            Value::Integers(&self.needs),
            Value::Integers(&self.wants),
        ]
    }
}

fn key(key: &LimitKey) -> [Value<'_>; 4] {
    let (whom, user) = match &key.whom {
        Whom::Tenant => ("tenant", ""),
        Whom::EachUser => ("each_user", ""),
        Whom::User(user) => ("user", user.as_str()),
    };
    let model = key.model.as_deref().unwrap_or("");
    [whom.into(), user.into(), model.into(), key.meter.as_str().into()]
}
