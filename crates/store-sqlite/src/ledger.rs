//! What was used and what it cost.

use async_trait::async_trait;
use diesel::{
    prelude::*,
    sql_types::{BigInt, Binary, Text},
};
use loquat_domain::{Charge, ConversationId, Micros, Page, Scope, TokenParts};
use loquat_store::{Ledger, StoreError, UsageGroups, UsageKey, UsageQuery, UsageRow, Whose};

use crate::{
    SqliteStore,
    key::Key,
    rows::{ChargeRow, read_amount, read_user},
    statement::{Statement, Value, first_rows},
    threads::Outcome,
};

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

#[async_trait]
impl Ledger for SqliteStore {
    async fn record(&self, scope: &Scope, charges: Vec<Charge>) -> Result<(), StoreError> {
        let scope = scope.clone();
        let rows: Vec<_> = charges.iter().map(ChargeRow::from).collect();
        self.threads.write(move |conn| insert(conn, &scope, &rows)).await
    }

    async fn usage(&self, scope: &Scope, query: UsageQuery) -> Result<Page<UsageRow>, StoreError> {
        let scope = scope.clone();
        self.threads.report(move |conn| usage(conn, &scope, &query)).await
    }
}

/// Adds the charges that are not in the book yet.
pub(crate) fn insert(
    conn: &mut SqliteConnection,
    scope: &Scope,
    charges: &[ChargeRow],
) -> Outcome<()> {
    for row in charges {
        let [input, cached, cache_write, output, reasoning] = row.tokens.map(Value::from);
        let [input_price, cached_price, cache_write_price, output_price, reasoning_price] =
            row.price.map(Value::from);
        let insert = Statement::<24>::new(
            "INSERT INTO usage_records (tenant, id, user, at, purpose, conversation, response,
                attempt, model, asked, provider, upstream, input, cached, cache_write, output,
                reasoning, input_price, cached_price, cache_write_price, output_price,
                reasoning_price, cost, estimated)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING",
            [
                scope.tenant.as_str().into(),
                row.id.into(),
                scope.user.as_str().into(),
                row.at.into(),
                row.purpose.into(),
                row.conversation.into(),
                row.response.into(),
                row.attempt.into(),
                row.model.as_str().into(),
                row.asked.as_str().into(),
                row.provider.as_str().into(),
                row.upstream.as_str().into(),
                input,
                cached,
                cache_write,
                output,
                reasoning,
                input_price,
                cached_price,
                cache_write_price,
                output_price,
                reasoning_price,
                row.cost.into(),
                row.estimated.into(),
            ],
        );
        insert.execute(conn)?;
    }
    Ok(())
}

/// What makes a row of usage, as it is compared: what charges are not put together by is the same
/// for all, and so is what they do not have.
#[derive(Debug)]
struct KeyColumns<'a> {
    day: i64,
    model: &'a str,
    user: &'a str,
    conversation: &'a [u8],
}

impl KeyColumns<'_> {
    /// Before every row.
    const FIRST: Self = Self { day: i64::MIN, model: "", user: "", conversation: &[] };
}

/// A sum, as those of its halves: a sum of whole numbers of 64 bits may not fit and is an error then.
type Sum = (BigInt, BigInt);

type Halves = (i64, i64);

/// The whole sum; the greatest that fits for one that does not. What is summed is not below zero.
fn whole((high, low): Halves) -> u64 {
    let [high, low] = [high, low].map(|half| u128::from(half.unsigned_abs()));
    u64::try_from((high << 32) + low).unwrap_or(u64::MAX)
}

type Columns = ((BigInt, Text, Text, Binary), (BigInt, BigInt), (Sum, Sum, Sum, Sum, Sum, Sum));

/// A row of usage.
#[derive(Debug, Queryable)]
struct Row {
    key: (i64, String, String, Vec<u8>),
    calls: (i64, i64),
    sums: (Halves, Halves, Halves, Halves, Halves, Halves),
}

impl Row {
    fn usage(self, groups: UsageGroups) -> Result<UsageRow, StoreError> {
        let (day, model, user, conversation) = self.key;
        let user = groups.user.then(|| read_user("user", &user)).transpose()?;
        let key = UsageKey {
            day: groups.day.then_some(day),
            model: groups.model.then_some(model),
            user,
            conversation: read_conversation(&conversation)?,
        };
        let (calls, estimated) = self.calls;
        let (input, cached, cache_write, output, reasoning, cost) = self.sums;
        let tokens = TokenParts {
            input: whole(input),
            cached: whole(cached),
            cache_write: whole(cache_write),
            output: whole(output),
            reasoning: whole(reasoning),
        };
        Ok(UsageRow {
            key,
            calls: read_amount("calls", calls)?,
            estimated_calls: read_amount("estimated", estimated)?,
            tokens,
            cost: Micros(whole(cost)).min(Micros::MAX),
        })
    }
}

fn read_conversation(id: &[u8]) -> Result<Option<ConversationId>, StoreError> {
    match Key::split(id).as_deref() {
        Some([]) => Ok(None),
        Some([id]) => Ok(Some((*id).into())),
        _ => Err(StoreError::Corrupt { column: "conversation" }),
    }
}

/// Of whom: of that user, or else of one after the other, each found by the one before. The names of
/// what is known, and of what is put together, are those of the columns.
const USAGE: &str = "WITH RECURSIVE users (name) AS (
        SELECT coalesce(?, (SELECT min(user) FROM usage_records WHERE tenant = ?))
        UNION ALL
        SELECT (SELECT min(user) FROM usage_records WHERE tenant = ? AND user > name)
        FROM users WHERE name IS NOT NULL AND ? IS NULL
    )
    SELECT day, model, user, conversation, count(*), sum(estimated),
        sum(input >> 32), sum(input & 0xffffffff),
        sum(cached >> 32), sum(cached & 0xffffffff),
        sum(cache_write >> 32), sum(cache_write & 0xffffffff),
        sum(output >> 32), sum(output & 0xffffffff),
        sum(reasoning >> 32), sum(reasoning & 0xffffffff),
        sum(cost >> 32), sum(cost & 0xffffffff)
    FROM (
        SELECT iif(?, at / 86400000000 - (at % 86400000000 < 0), 0) AS day,
            iif(?, model, '') AS model,
            iif(?, user, '') AS user,
            iif(?, ifnull(conversation, x''), x'') AS conversation,
            estimated, input, cached, cache_write, output, reasoning, cost
        FROM users CROSS JOIN usage_records
        WHERE tenant = ? AND user = name AND at >= ? AND at < ?
    )
    WHERE (day, model, user, conversation) > (?, ?, ?, ?)
    GROUP BY day, model, user, conversation
    ORDER BY day, model, user, conversation";

fn usage(
    conn: &mut SqliteConnection,
    scope: &Scope,
    query: &UsageQuery,
) -> Outcome<Page<UsageRow>> {
    let groups = query.groups;
    let after = query.after.as_ref();
    let conversation = after.and_then(|after| after.conversation).map(Key::from);
    let columns = after.map_or(KeyColumns::FIRST, |after| KeyColumns {
        day: after.day.unwrap_or(0),
        model: after.model.as_deref().unwrap_or_default(),
        user: after.user.as_ref().map_or("", |user| user.as_str()),
        conversation: conversation.as_ref().map_or(&[], |id| id.as_bytes()),
    });
    // Rows of earlier days are before the cursor, whatever else they are.
    let day = after.and_then(|after| after.day).map(|day| day.saturating_mul(DAY));
    let from = query.from.as_micros().max(day.unwrap_or(i64::MIN));
    let (until, tenant) = (query.until.as_micros(), scope.tenant.as_str());
    let user = match &query.whose {
        Whose::Own => Some(scope.user.as_str()),
        Whose::User(user) => Some(user.as_str()),
        Whose::Tenant => None,
    };
    let KeyColumns { day, model, user: after_user, conversation } = columns;
    let statement = Statement::<15, Columns>::new(
        USAGE,
        [
            user.into(),
            tenant.into(),
            tenant.into(),
            user.into(),
            groups.day.into(),
            groups.model.into(),
            groups.user.into(),
            groups.conversation.into(),
            tenant.into(),
            from.into(),
            until.into(),
            day.into(),
            model.into(),
            after_user.into(),
            conversation.into(),
        ],
    );
    let rows: Vec<Row> = first_rows(statement, conn, usize::from(query.limit.get()) + 1)?;
    let rows = rows.into_iter().map(|row| row.usage(groups)).collect::<Result<_, _>>()?;
    Ok(Page::from_read_ahead(rows, query.limit))
}
