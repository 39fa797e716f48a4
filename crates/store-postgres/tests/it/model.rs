//! Random calls do what the model does, also after a crash of the process.

use async_trait::async_trait;
use loquat_store_postgres::PostgresStore;
use loquat_testkit::{TestDatabase, store_conformance::Store, store_model::Durable};

use crate::database::{database, options};

struct Process {
    store: PostgresStore,
    database: TestDatabase,
}

impl Process {
    async fn on(database: TestDatabase) -> Self {
        let store = PostgresStore::connect(&options(&database.app_url())).await.unwrap();
        Self { store, database }
    }
}

#[async_trait]
impl Durable for Process {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    async fn reopen(self) -> Self {
        drop(self.store);
        Self::on(self.database).await
    }
}

loquat_testkit::store_model!(async { Process::on(database().await).await });
