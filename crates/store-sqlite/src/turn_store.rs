//! The work of producing an answer.

use std::time::Duration;

use async_trait::async_trait;
use loquat_domain::{ResponseId, Scope};
use loquat_store::{
    BeginTurn, Checkpoint, FinishTurn, History, HistoryStart, StaleTurn, StoreError,
    StoredResponse, TurnStore,
};

use crate::{
    SqliteStore, connection, responses,
    turns::{self, Begin, Finish},
};

#[async_trait]
impl TurnStore for SqliteStore {
    async fn history(
        &self,
        scope: &Scope,
        start: HistoryStart,
        token_budget: u64,
    ) -> Result<History, StoreError> {
        let scope = scope.clone();
        self.threads.read(move |conn| turns::history(conn, &scope, start, token_budget)).await
    }

    async fn begin_turn(&self, scope: &Scope, turn: BeginTurn) -> Result<(), StoreError> {
        let scope = scope.clone();
        let turn = Begin::try_from(turn)?;
        self.threads.write(move |conn| turns::begin(conn, &scope, turn)).await
    }

    async fn checkpoint(&self, batch: Vec<Checkpoint>, lease: Duration) -> Result<(), StoreError> {
        self.threads.write(move |conn| turns::checkpoint(conn, &batch, lease)).await
    }

    async fn finish_turn(&self, scope: &Scope, turn: FinishTurn) -> Result<(), StoreError> {
        let scope = scope.clone();
        let turn = Finish::from(turn);
        self.threads.write(move |conn| turns::finish(conn, &scope, &turn)).await
    }

    async fn response(&self, scope: &Scope, id: ResponseId) -> Result<StoredResponse, StoreError> {
        let scope = scope.clone();
        self.threads.read(move |conn| responses::find(conn, &scope, id.into())).await
    }

    async fn delete_response(&self, scope: &Scope, id: ResponseId) -> Result<(), StoreError> {
        let scope = scope.clone();
        self.threads.write(move |conn| responses::delete(conn, &scope, id.into())).await
    }

    async fn stale_turns(&self, limit: u32) -> Result<Vec<StaleTurn>, StoreError> {
        self.threads.read(move |conn| turns::stale(conn, limit)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.threads.read(connection::probe).await?;
        // An empty transaction takes the write lock and syncs nothing.
        self.threads.write(|_| Ok(())).await
    }
}
