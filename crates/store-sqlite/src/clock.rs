//! The database's own clock, which leases run on: it means the same to every process.

use std::time::Duration;

use diesel::{
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    prelude::QueryResult,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, Nullable},
    sqlite::Sqlite,
};

/// SQL for a time in microseconds, counted from the statement's own time. Cacheable, which text
/// passed to [`diesel::dsl::sql`] is not.
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct Clock {
    plus_micros: i64,
}

impl Clock {
    pub(crate) const NOW: Self = Self { plus_micros: 0 };

    /// The time after a duration; the far future when that does not fit.
    pub(crate) fn after(duration: Duration) -> Self {
        // Half of what fits, so that the sum with the time of day fits too.
        let far = i64::MAX / 2;
        Self { plus_micros: i64::try_from(duration.as_micros()).map_or(far, |it| it.min(far)) }
    }
}

/// Nullable, because the columns are that it is compared with.
impl Expression for Clock {
    type SqlType = Nullable<BigInt>;
}

impl QueryFragment<Sqlite> for Clock {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("(CAST(unixepoch('subsec') * 1000000 AS INTEGER) + ");
        out.push_bind_param::<BigInt, _>(&self.plus_micros)?;
        out.push_sql(")");
        Ok(())
    }
}

impl<GroupBy> ValidGrouping<GroupBy> for Clock {
    type IsAggregate = is_aggregate::Never;
}

impl<Source> AppearsOnTable<Source> for Clock {}

impl<Source> SelectableExpression<Source> for Clock {}
