//! Does the cost of a call grow with what there is already? Prints a table for
//! `docs/performance.md`. Starts a Postgres of its own for that, which syncs as a production one does.

use loquat_store_postgres::{PostgresOptions, PostgresStore};
use loquat_testkit::{ClusterOptions, PrivateCluster, flatness::flatness};

/// Entries of the large one of each pair.
const MANY: usize = 100_000;

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = ClusterOptions::default()
        .with_setting("fsync", "on")
        .with_setting("full_page_writes", "on")
        .with_setting("shared_buffers", "128MB");
    let cluster = PrivateCluster::start(options).await;
    let database = cluster
        .create_database("flat", |url| async move {
            let options = PostgresOptions::new(&url).map_err(|error| error.to_string())?;
            PostgresStore::migrate(&options).await.map_err(|error| error.to_string())
        })
        .await;
    let store = PostgresStore::connect(&PostgresOptions::new(&database.app_url())?).await?;
    println!("| Postgres | with 10 | with {MANY} | times |\n|---|---|---|---|");
    for cost in flatness(&store, MANY).await {
        println!("{cost}");
    }
    Ok(())
}
