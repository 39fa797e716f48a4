//! Statements in SQLite's own words that are prepared once.

use std::marker::PhantomData;

use diesel::{
    connection::DefaultLoadingMode,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    query_dsl::methods::LoadQuery,
    sql_types::{BigInt, Binary, Nullable, Text},
    sqlite::Sqlite,
};

use memchr::memchr_iter;

use crate::key::Key;

/// A statement of constant text with a value for each question mark, whose rows have `Columns`.
///
/// For what diesel has no words for (recursion, pairs, transactions), and for every UPDATE of the
/// hot path: diesel prepares each of its UPDATEs anew, which costs several times as much as running
/// it. This one stays prepared and is found again by its text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement<'a, const N: usize, Columns = ()> {
    text: &'static str,
    values: [Value<'a>; N],
    columns: PhantomData<Columns>,
}

/// What a question mark stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Key(Option<Key>),
    Integer(Option<i64>),
    Bytes(&'a [u8]),
}

impl<'a, const N: usize, Columns> Statement<'a, N, Columns> {
    /// A question mark in `text` is a value, also within quotes.
    pub(crate) const fn new(text: &'static str, values: [Value<'a>; N]) -> Self {
        Self { text, values, columns: PhantomData }
    }
}

impl<const N: usize, Columns> QueryFragment<Sqlite> for Statement<'_, N, Columns> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // Diesel walks several times over each statement that it runs, most of which is text.
        let mut from = 0;
        for (value, at) in self.values.iter().zip(memchr_iter(b'?', self.text.as_bytes())) {
            out.push_sql(self.text.get(from..at).unwrap_or_default());
            from = at + 1;
            match value {
                Value::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text)?,
                Value::Key(key) => out.push_bind_param::<Nullable<Binary>, _>(key)?,
                Value::Bytes(bytes) => out.push_bind_param::<Binary, _>(*bytes)?,
                Value::Integer(number) => out.push_bind_param::<Nullable<BigInt>, _>(number)?,
            }
        }
        out.push_sql(self.text.get(from..).unwrap_or_default());
        Ok(())
    }
}

impl<const N: usize, Columns> QueryId for Statement<'_, N, Columns> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<const N: usize, Columns> Query for Statement<'_, N, Columns> {
    type SqlType = Columns;
}

impl<const N: usize, Columns> RunQueryDsl<SqliteConnection> for Statement<'_, N, Columns> {}

/// Runs a statement without values, such as those that begin and end a transaction.
pub(crate) fn run(conn: &mut SqliteConnection, text: &'static str) -> QueryResult<()> {
    Statement::<0>::new(text, []).execute(conn).map(drop)
}

/// The first rows of a query that is in order, without a LIMIT: SQLite looks at a limit's value
/// when it plans, and so prepares the statement anew each time that one is set. It finds rows only
/// as they are asked for, so that those beyond the last one cost nothing.
pub(crate) fn first_rows<'query, Row>(
    query: impl LoadQuery<'query, SqliteConnection, Row> + 'query,
    conn: &mut SqliteConnection,
    most: usize,
) -> QueryResult<Vec<Row>> {
    query.load_iter::<Row, DefaultLoadingMode>(conn)?.take(most).collect()
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Integer(Some(flag.into()))
    }
}

impl From<Key> for Value<'_> {
    fn from(key: Key) -> Self {
        Self::Key(Some(key))
    }
}

impl From<Option<Key>> for Value<'_> {
    fn from(key: Option<Key>) -> Self {
        Self::Key(key)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}
