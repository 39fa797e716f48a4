//! Jobs that write, gathered: what waits at one moment shares one commit, and so one sync of the
//! disk, which costs more than all of their statements.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use diesel::{SqliteConnection, result::Error};
use loquat_store::StoreError;
use tokio::sync::oneshot;

use super::{Outcome, guarded, unavailable};
use crate::{error::Failed, queue::Queue, statement};

/// The most jobs of one commit: about ten milliseconds of work, so that no reply waits long for
/// jobs that came after it.
const MOST: usize = 256;

/// A job, without the type of its result.
pub(super) trait Write: Send {
    /// Does the work; true when its changes shall stay.
    fn run(&mut self, conn: &mut SqliteConnection) -> bool;

    /// Tells the caller, now that it is known what became of the commit.
    fn reply(self: Box<Self>, committed: Result<(), Arc<Error>>);
}

pub(super) struct WriteJob<T, F> {
    work: Option<F>,
    outcome: Option<Outcome<T>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> WriteJob<T, F> {
    pub(super) fn new(work: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self { work: Some(work), outcome: None, reply }
    }
}

impl<T, F> Write for WriteJob<T, F>
where
    T: Send,
    F: FnOnce(&mut SqliteConnection) -> Outcome<T> + Send,
{
    fn run(&mut self, conn: &mut SqliteConnection) -> bool {
        let Some(work) = self.work.take() else { return false };
        let outcome = self.outcome.insert(guarded(conn, work));
        outcome.is_ok()
    }

    fn reply(self: Box<Self>, committed: Result<(), Arc<Error>>) {
        let result = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome.map_err(|Failed(error)| error),
            // Also what the job read may have been another job's change that did not stay.
            (Err(error), _) => Err(unavailable(error)),
            // Every job of a batch that is committed has run.
            (Ok(()), None) => return,
        };
        // A caller that has gone does not want the answer.
        let _ = self.reply.send(result);
    }
}

/// Runs jobs until the queue is closed and empty.
pub(super) fn run(mut conn: SqliteConnection, queue: &Queue<Box<dyn Write>>, commits: &AtomicU64) {
    loop {
        let jobs = queue.take(MOST);
        if jobs.is_empty() {
            return;
        }
        run_batch(&mut conn, jobs, commits);
    }
}

/// Runs jobs in one transaction, which is counted when it was committed, and tells their callers.
pub(super) fn run_batch(
    conn: &mut SqliteConnection,
    mut jobs: Vec<Box<dyn Write>>,
    commits: &AtomicU64,
) {
    let committed = commit_together(conn, &mut jobs).map_err(Arc::new);
    if committed.is_ok() {
        commits.fetch_add(1, Ordering::Relaxed);
    } else {
        // Fails where SQLite has rolled back by itself, which comes to the same.
        let _ = statement::run(conn, "ROLLBACK");
    }
    for job in jobs {
        job.reply(committed.clone());
    }
}

/// One transaction for all jobs; a job that fails loses its own changes only. An error means that
/// the database itself did not follow, and nothing of any job stays.
fn commit_together(conn: &mut SqliteConnection, jobs: &mut [Box<dyn Write>]) -> Result<(), Error> {
    // IMMEDIATE takes the write lock now: a transaction that reads first and then wants to write
    // is refused at once where another process has written meanwhile.
    statement::run(conn, "BEGIN IMMEDIATE")?;
    // A savepoint copies each page that changes after it; one job alone does not need it.
    if let [alone] = jobs {
        let end = if alone.run(conn) { "COMMIT" } else { "ROLLBACK" };
        return statement::run(conn, end);
    }
    for job in jobs {
        statement::run(conn, "SAVEPOINT job")?;
        if !job.run(conn) {
            statement::run(conn, "ROLLBACK TO job")?;
        }
        statement::run(conn, "RELEASE job")?;
    }
    statement::run(conn, "COMMIT")
}
