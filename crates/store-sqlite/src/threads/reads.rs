//! Jobs that read.

use diesel::SqliteConnection;
use loquat_store::StoreError;
use tokio::sync::oneshot;

use super::{Outcome, guarded};
use crate::{error::Failed, queue::Queue, statement};

/// A job, without the type of what it reads.
pub(super) trait Read: Send {
    fn run(self: Box<Self>, conn: &mut SqliteConnection);
}

pub(super) struct ReadJob<T, F> {
    pub(super) work: F,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Read for ReadJob<T, F>
where
    T: Send,
    F: FnOnce(&mut SqliteConnection) -> Outcome<T> + Send,
{
    fn run(self: Box<Self>, conn: &mut SqliteConnection) {
        let Self { work, reply } = *self;
        // Nobody waits for it any more.
        if reply.is_closed() {
            return;
        }
        let result = in_snapshot(conn, work).map_err(|Failed(error)| error);
        // A caller that has gone meanwhile does not want the answer.
        let _ = reply.send(result);
    }
}

/// Runs jobs until the queue is closed.
pub(super) fn run(mut conn: SqliteConnection, queue: &Queue<Box<dyn Read>>) {
    while let Some(job) = queue.take(1).pop() {
        job.run(&mut conn);
    }
}

/// All statements of a job see the same state of the database.
fn in_snapshot<T>(
    conn: &mut SqliteConnection,
    work: impl FnOnce(&mut SqliteConnection) -> Outcome<T>,
) -> Outcome<T> {
    statement::run(conn, "BEGIN")?;
    let outcome = guarded(conn, work);
    // Nothing was written, so that it does not matter how the transaction ends. It fails only when
    // SQLite has ended the transaction already.
    let _ = statement::run(conn, "ROLLBACK");
    outcome
}
