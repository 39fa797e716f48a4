//! The work of producing an answer.

use std::time::Duration;

use async_trait::async_trait;
use loquat_domain::{ResponseId, Scope};
use loquat_store::{
    BeginTurn, Checkpoint, Earlier, EventLog, FinishTurn, History, HistoryStart, Interrupted, Once,
    Reach, StoreError, StoredResponse, TurnStore,
};

use crate::{
    SqliteStore, once, responses,
    turns::{self, Begin, Finish},
};

#[async_trait]
impl TurnStore for SqliteStore {
    async fn history(
        &self,
        scope: &Scope,
        start: HistoryStart,
        reach: Reach,
    ) -> Result<History, StoreError> {
        let scope = scope.clone();
        self.threads.read(move |conn| turns::history(conn, &scope, start, reach)).await
    }

    async fn begin_turn(&self, scope: &Scope, turn: BeginTurn) -> Result<(), StoreError> {
        let scope = scope.clone();
        let turn = Begin::try_from(turn)?;
        self.threads.write(move |conn| turns::begin(conn, &scope, turn)).await
    }

    async fn earlier(&self, scope: &Scope, once: &Once) -> Result<Option<Earlier>, StoreError> {
        let (scope, once) = (scope.clone(), once.clone());
        self.threads.read(move |conn| once::earlier(conn, &scope, &once)).await
    }

    async fn checkpoint(
        &self,
        batch: Vec<Checkpoint>,
        lease: Duration,
    ) -> Result<Vec<Interrupted>, StoreError> {
        self.threads.write(move |conn| turns::checkpoint(conn, batch, lease)).await
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

    async fn events(
        &self,
        scope: &Scope,
        id: ResponseId,
        from: u64,
        most: u32,
    ) -> Result<EventLog, StoreError> {
        let scope = scope.clone();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        self.threads.read(move |conn| turns::events(conn, &scope, id.into(), from, most)).await
    }

    async fn request_stop(&self, scope: &Scope, id: ResponseId) -> Result<bool, StoreError> {
        let scope = scope.clone();
        self.threads.write(move |conn| responses::request_stop(conn, &scope, id.into())).await
    }

    async fn delete_response(&self, scope: &Scope, id: ResponseId) -> Result<(), StoreError> {
        let scope = scope.clone();
        self.threads.write(move |conn| responses::delete(conn, &scope, id.into())).await
    }
}
