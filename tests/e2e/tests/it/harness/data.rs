//! The two stores, and what is in them when one looks past the server.

use std::path::{Path, PathBuf};

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query,
    sql_types::Text,
};
use tokio::task::JoinSet;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::soon;

/// Where a server keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

/// One test a store.
macro_rules! on_both_stores {
    ($($name:ident: $scenario:expr;)+) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                ($scenario)($crate::harness::Store::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                ($scenario)($crate::harness::Store::Postgres).await;
            }
        }
    )+};
}
pub(crate) use on_both_stores;

/// A row as text, and whose it is.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) table: String,
    pub(crate) tenant: String,
    pub(crate) text: String,
}

/// A server's data, read by its administrator.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    Sqlite(PathBuf),
    /// The superuser's URL.
    Postgres(String),
}

/// Between a row's tenant and its text.
const SEPARATOR: char = '\u{1f}';

/// The responses that are at work or wait for it.
const UNENDED: &str = "responses WHERE status IN ('queued', 'in_progress')";

impl Data {
    pub(crate) fn sqlite(file: PathBuf) -> Self {
        Self::Sqlite(file)
    }

    pub(crate) fn postgres(url: String) -> Self {
        Self::Postgres(url)
    }

    /// Every row of every table that has tenants.
    pub(crate) async fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (table, query) in self.tables().await {
            for line in self.lines(&query).await {
                let (tenant, text) = line.split_once(SEPARATOR).expect("a tenant and a text");
                let (tenant, text) = (tenant.to_owned(), text.to_owned());
                rows.push(Row { table: table.clone(), tenant, text });
            }
        }
        assert!(!rows.is_empty(), "nothing is stored at all");
        rows
    }

    /// How many responses have not ended.
    pub(crate) async fn unended(&self) -> usize {
        let schema = self.schema();
        self.lines(&format!("SELECT status AS line FROM {schema}{UNENDED}")).await.len()
    }

    /// What must never be: a file that is not whole; a connection that holds a transaction open.
    pub(crate) async fn assert_sound(&self) {
        match self {
            Self::Sqlite(_) => {
                let check = "SELECT integrity_check AS line FROM pragma_integrity_check";
                assert_eq!(self.lines(check).await, ["ok"]);
                let check = "SELECT \"table\" AS line FROM pragma_foreign_key_check";
                assert!(self.lines(check).await.is_empty(), "rows without what they belong to");
            }
            Self::Postgres(_) => {
                // A transaction of the server's has some statements: between two of them it is idle
                // for moments.
                let held = "SELECT state || ': ' || query AS line FROM pg_stat_activity
                    WHERE datname = current_database() AND state LIKE 'idle in transaction%'
                    AND state_change < clock_timestamp() - interval '500 ms'";
                assert!(self.lines(held).await.is_empty(), "a transaction is held open");
            }
        }
    }

    fn schema(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(_) => "loquat.",
        }
    }

    /// Each table that has tenants, with the query for its rows.
    async fn tables(&self) -> Vec<(String, String)> {
        match self {
            Self::Sqlite(_) => {
                let tables = "SELECT tables.name || ' ' || group_concat(
                        'quote(\"' || columns.name || '\")', ' || '' '' || ') AS line
                    FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
                    WHERE tables.type = 'table'
                    GROUP BY tables.name HAVING max(columns.name = 'tenant')";
                let lines = self.lines(tables).await;
                let query = |line: &String| {
                    let (table, text) = line.split_once(' ').unwrap();
                    let query =
                        format!("SELECT tenant || '{SEPARATOR}' || {text} AS line FROM {table}");
                    (table.to_owned(), query)
                };
                lines.iter().map(query).collect()
            }
            Self::Postgres(_) => {
                let tables = "SELECT table_name AS line FROM information_schema.columns
                    WHERE table_schema = 'loquat' AND column_name = 'tenant'";
                let lines = self.lines(tables).await;
                let query = |table: String| {
                    let text = format!("tenant || '{SEPARATOR}' || t.*::text");
                    let query = format!("SELECT {text} AS line FROM loquat.{table} AS t");
                    (table, query)
                };
                lines.into_iter().map(query).collect()
            }
        }
    }

    /// The column `line` of what a query finds.
    async fn lines(&self, query: &str) -> Vec<String> {
        match self {
            Self::Sqlite(file) => {
                let (file, query) = (file.clone(), query.to_owned());
                tokio::task::spawn_blocking(move || in_file(&file, &query)).await.unwrap()
            }
            Self::Postgres(url) => soon("Postgres answers", in_postgres(url, query)).await,
        }
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn in_file(file: &Path, query: &str) -> Vec<String> {
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let patience = "PRAGMA busy_timeout = 10000";
    sql_query(patience).execute(&mut connection).unwrap();
    let lines: Vec<Line> = sql_query(query)
        .load(&mut connection)
        .unwrap_or_else(|error| panic!("{}: {query}: {error}", file.display()));
    lines.into_iter().map(|it| it.line).collect()
}

async fn in_postgres(url: &str, query: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let answers = client.simple_query(query).await;
    let answers = answers.unwrap_or_else(|error| panic!("{query}: {error}"));
    let line = |answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row.get("line").unwrap_or_default().to_owned()),
        _ => None,
    };
    answers.into_iter().filter_map(line).collect()
}
