//! The work of producing an answer.

mod begin;
mod checkpoint;
mod history;

use std::time::Duration;

use async_trait::async_trait;
use diesel::{QueryableByName, sql_types::Bool};
use loquat_domain::{RawJson, Response, ResponseId, Scope, StoredItem, Timestamp};
use loquat_store::{
    BeginTurn, Checkpoint, Earlier, EventLog, FinishTurn, History, HistoryStart, Interrupted, Once,
    Reach, StoreError, StoredResponse, TurnStore, json,
};

use crate::{
    PostgresStore,
    answers::{self, Answer, EarlierRow, Nothing},
    arguments::{Charges, NewItems, Runs, integer, micros},
    pool::Repeat,
    rows::{ItemRow, LogRow, Maybe, ResponseRow, RunRow},
    statement::Call,
};

#[async_trait]
impl TurnStore for PostgresStore {
    async fn history(
        &self,
        scope: &Scope,
        start: HistoryStart,
        reach: Reach,
    ) -> Result<History, StoreError> {
        history::history(&self.pool, scope, start, reach).await
    }

    async fn begin_turn(&self, scope: &Scope, turn: BeginTurn) -> Result<(), StoreError> {
        begin::begin(&self.pool, scope, &turn).await
    }

    async fn earlier(&self, scope: &Scope, once: &Once) -> Result<Option<Earlier>, StoreError> {
        let find = Call::of("earlier_v1", scope, &[once.route.into(), once.key.as_str().into()]);
        let rows: Vec<EarlierRow> = self.pool.call(find, Repeat::Harmless).await?;
        rows.into_iter().next().map(Earlier::try_from).transpose()
    }

    async fn checkpoint(
        &self,
        batch: Vec<Checkpoint>,
        lease: Duration,
    ) -> Result<Vec<Interrupted>, StoreError> {
        checkpoint::checkpoint(&self.pool, &batch, lease).await
    }

    async fn finish_turn(&self, scope: &Scope, turn: FinishTurn) -> Result<(), StoreError> {
        let response = &turn.response;
        let details = json::encode_status_details(&response.status);
        let usage = response.usage.as_ref().map(json::encode_usage);
        let output = NewItems::new(&turn.output);
        let charges = Charges::new(&turn.charges);
        let mut runs = Runs::default();
        for run in &turn.log {
            runs.push(Some(run));
        }
        let own = [
            response.id.as_uuid().into(),
            response.status.as_str().into(),
            details.as_deref().into(),
            usage.as_deref().into(),
            response.completed_at.map(Timestamp::as_micros).into(),
            integer(turn.last_sequence).into(),
        ];
        // Not sent again by itself: the second answer would be that it has ended already, which
        // only its caller can tell from an end by somebody else.
        let finish = Call::of("finish_turn_v3", scope, &own)
            .and(&output.values())
            .and(&runs.values())
            .and(&[
                micros(turn.keep_log).into(),
                turn.only_if_stale.into(),
                turn.context_state.as_ref().map(|update| update.expected).into(),
                turn.context_state.as_ref().map(|update| update.state.as_str()).into(),
                turn.route.as_ref().map(RawJson::as_str).into(),
            ])
            .and(&charges.values());
        answers::done(self.pool.call_reserved(finish, Repeat::Never).await?)
    }

    async fn response(&self, scope: &Scope, id: ResponseId) -> Result<StoredResponse, StoreError> {
        let find = Call::of("response_v3", scope, &[id.as_uuid().into()]);
        let rows: Vec<ResponsePart> = self.pool.call(find, Repeat::Harmless).await?;
        let mut rows = rows.into_iter();
        let response = rows.next().and_then(|row| row.response.0).ok_or(StoreError::NotFound)?;
        let mut output: Vec<ItemRow> = rows.filter_map(|row| row.item.0).collect();
        output.sort_by_key(|item| item.position);
        let output = output.into_iter().map(|row| StoredItem::try_from(row).map(|it| it.item));
        Ok(StoredResponse {
            output: output.collect::<Result<_, _>>()?,
            hidden: response.hidden,
            receipt: response.receipt(),
            route: response.route(),
            response: Response::try_from(response)?,
        })
    }

    async fn events(
        &self,
        scope: &Scope,
        id: ResponseId,
        from: u64,
        most: u32,
    ) -> Result<EventLog, StoreError> {
        let read = Call::of(
            "events_v1",
            scope,
            &[id.as_uuid().into(), integer(from).into(), i64::from(most).into()],
        );
        let rows: Vec<LogPart> = self.pool.call(read, Repeat::Harmless).await?;
        let mut rows = rows.into_iter();
        let log = rows.next().and_then(|row| row.log.0).ok_or(StoreError::NotFound)?;
        let runs = rows.filter_map(|row| row.run.0).map(TryInto::try_into);
        Ok(EventLog { runs: runs.collect::<Result<_, _>>()?, end: log.end()? })
    }

    async fn request_stop(&self, scope: &Scope, id: ResponseId) -> Result<bool, StoreError> {
        let stop = Call::of("request_stop_v1", scope, &[id.as_uuid().into()]);
        let rows: Vec<Answer<Maybe<Stopped>>> = self.pool.call(stop, Repeat::Harmless).await?;
        answers::row(rows).map(|Stopped { running }| running)
    }

    async fn delete_response(&self, scope: &Scope, id: ResponseId) -> Result<(), StoreError> {
        let delete = Call::of("delete_response_v1", scope, &[id.as_uuid().into()]);
        let rows: Vec<Answer<Nothing>> = self.pool.call(delete, Repeat::Never).await?;
        answers::done(rows)
    }
}

/// The response, or an item of its output.
#[derive(Debug, QueryableByName)]
struct ResponsePart {
    #[diesel(embed)]
    response: Maybe<ResponseRow>,
    #[diesel(embed)]
    item: Maybe<ItemRow>,
}

/// How the log stands, or a run of it.
#[derive(Debug, QueryableByName)]
struct LogPart {
    #[diesel(embed)]
    log: Maybe<LogRow>,
    #[diesel(embed)]
    run: Maybe<RunRow>,
}

#[derive(Debug, QueryableByName)]
struct Stopped {
    #[diesel(sql_type = Bool)]
    running: bool,
}

impl crate::rows::Part for Stopped {
    const COLUMN: &'static str = "running";
}
