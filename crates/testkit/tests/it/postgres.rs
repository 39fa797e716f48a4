//! The throw-away Postgres.

#![expect(clippy::unwrap_used, reason = "these are parts of tests")]

mod cluster;
mod database;
mod process;
mod shared;

use tokio_postgres::{Error, NoTls, SimpleQueryMessage};

/// Runs one statement on a connection of its own.
async fn run(url: &str, statement: &str) -> Result<(), Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let work = async {
        let done = client.batch_execute(statement).await;
        drop(client);
        done
    };
    tokio::join!(work, connection).0
}

/// The one value, as text, that a query yields.
async fn ask(url: &str, query: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let work = async {
        let rows = client.simple_query(query).await.unwrap();
        drop(client);
        rows
    };
    let (rows, _) = tokio::join!(work, connection);
    let row = rows.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    row.unwrap().get(0).unwrap_or_default().to_owned()
}

/// A migration: one table, which the application may read and write.
async fn notes(url: String) -> Result<(), Error> {
    let migration = "CREATE TABLE notes (text text NOT NULL);
        GRANT SELECT, INSERT ON notes TO loquat_app";
    run(&url, migration).await
}

const COUNT_NOTES: &str = "SELECT count(*) FROM notes";
const ADD_NOTE: &str = "INSERT INTO notes VALUES ('remember')";
