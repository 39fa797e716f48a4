//! Calls of the database's functions, prepared once a connection.

use std::borrow::Cow;

use diesel::{
    deserialize::QueryableByName,
    pg::Pg,
    prelude::QueryResult,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Untyped},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use loquat_domain::Scope;
use uuid::Uuid;

/// A call of one of the functions that `migrations/postgres` makes, whose rows are read by the names
/// of their columns.
///
/// diesel's own way to write SQL, `sql_query`, is prepared anew each time, which costs a round trip.
/// This stays prepared and is found again by its text.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    function: &'static str,
    values: Vec<Value<'a>>,
}

/// An argument of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Id(Option<Uuid>),
    Integer(Option<i64>),
    Flag(Option<bool>),
    Bytes(Option<&'a [u8]>),
    Texts(&'a [Option<Cow<'a, str>>]),
    Ids(&'a [Option<Uuid>]),
    Integers(&'a [Option<i64>]),
    Flags(&'a [bool]),
}

impl<'a> Call<'a> {
    /// Of a function that serves nobody in particular.
    pub(crate) fn new(function: &'static str, values: impl IntoIterator<Item = Value<'a>>) -> Self {
        Self { function, values: values.into_iter().collect() }
    }

    /// Of a function whose first arguments are on whose behalf it is called.
    pub(crate) fn of(function: &'static str, scope: &'a Scope, values: &[Value<'a>]) -> Self {
        let whose = [scope.tenant.as_str().into(), scope.user.as_str().into()];
        Self { function, values: [&whose, values].concat() }
    }

    /// With further arguments.
    pub(crate) fn and(mut self, values: &[Value<'a>]) -> Self {
        self.values.extend_from_slice(values);
        self
    }

    pub(crate) async fn load<R>(&self, connection: &mut AsyncPgConnection) -> QueryResult<Vec<R>>
    where
        R: QueryableByName<Pg> + Send + 'static,
    {
        RunQueryDsl::load(self, connection).await
    }
}

impl QueryFragment<Pg> for Call<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT * FROM loquat.");
        out.push_sql(self.function);
        let mut separator = "(";
        for value in &self.values {
            out.push_sql(separator);
            separator = ", ";
            match value {
                Value::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text)?,
                Value::Id(id) => out.push_bind_param::<Nullable<diesel::sql_types::Uuid>, _>(id)?,
                Value::Integer(number) => out.push_bind_param::<Nullable<BigInt>, _>(number)?,
                Value::Flag(flag) => out.push_bind_param::<Nullable<Bool>, _>(flag)?,
                Value::Bytes(bytes) => out.push_bind_param::<Nullable<Binary>, _>(bytes)?,
                Value::Texts(texts) => out.push_bind_param::<Array<Nullable<Text>>, _>(*texts)?,
                Value::Ids(ids) => {
                    out.push_bind_param::<Array<Nullable<diesel::sql_types::Uuid>>, _>(*ids)?;
                }
                Value::Integers(numbers) => {
                    out.push_bind_param::<Array<Nullable<BigInt>>, _>(*numbers)?;
                }
                Value::Flags(flags) => out.push_bind_param::<Array<Bool>, _>(*flags)?,
            }
        }
        out.push_sql(if self.values.is_empty() { "()" } else { ")" });
        Ok(())
    }
}

impl QueryId for Call<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Call<'_> {
    type SqlType = Untyped;
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

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Uuid> for Value<'_> {
    fn from(id: Uuid) -> Self {
        Self::Id(Some(id))
    }
}

impl From<Option<Uuid>> for Value<'_> {
    fn from(id: Option<Uuid>) -> Self {
        Self::Id(id)
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

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(Some(flag))
    }
}

impl From<Option<bool>> for Value<'_> {
    fn from(flag: Option<bool>) -> Self {
        Self::Flag(flag)
    }
}
