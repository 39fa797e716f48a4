//! One thread that writes, some that read, one that reads for reports, each with a connection of its
//! own.
//!
//! SQLite blocks, and a future may be dropped at any moment. So no connection is ever held by a
//! future: a call puts a job into a queue and waits for the answer. A caller that is gone changes
//! nothing about a write that was queued.

mod reads;
mod writes;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use diesel::SqliteConnection;
use loquat_store::StoreError;
use tokio::sync::oneshot;

use crate::{SqliteOptions, error::Failed, queue::Queue};
use reads::{Read, ReadJob};
use writes::{Write, WriteJob};

/// What a job comes to.
pub(crate) type Outcome<T> = Result<T, Failed>;

/// The threads and what waits for them. Dropping it does what is queued and waits for the threads.
pub(crate) struct Threads {
    writes: Arc<Queue<Box<dyn Write>>>,
    reads: Arc<Queue<Box<dyn Read>>>,
    reports: Arc<Queue<Box<dyn Read>>>,
    commits: Arc<AtomicU64>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts one thread for each connection.
    pub(crate) fn start(
        options: &SqliteOptions,
        writer: SqliteConnection,
        readers: Vec<SqliteConnection>,
        reporter: SqliteConnection,
    ) -> io::Result<Self> {
        let mut threads = Self {
            writes: Arc::new(Queue::new(options.queue(), options.patience())),
            reads: Arc::new(Queue::new(options.queue(), options.patience())),
            reports: Arc::new(Queue::new(options.queue(), options.patience())),
            commits: Arc::default(),
            handles: Vec::new(),
        };
        let (queue, commits) = (Arc::clone(&threads.writes), Arc::clone(&threads.commits));
        threads.spawn("sqlite-writer", move || writes::run(writer, &queue, &commits))?;
        for reader in readers {
            let queue = Arc::clone(&threads.reads);
            threads.spawn("sqlite-reader", move || reads::run(reader, &queue))?;
        }
        let queue = Arc::clone(&threads.reports);
        threads.spawn("sqlite-reports", move || reads::run(reporter, &queue))?;
        Ok(threads)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.handles.push(std::thread::Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(())
    }

    /// How many transactions were committed.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs a job on one state of the database.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        Self::asked(&self.reads, work).await
    }

    /// The same for a job that reads very much: no conversation waits for it, only other reports.
    pub(crate) async fn report<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        Self::asked(&self.reports, work).await
    }

    async fn asked<T: Send + 'static>(
        queue: &Queue<Box<dyn Read>>,
        work: impl FnOnce(&mut SqliteConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        queue.push(Box::new(ReadJob { work, reply })).await.map_err(unavailable)?;
        answer.await.unwrap_or_else(|gone| Err(unavailable(gone)))
    }

    /// Runs a job that changes all or nothing, and returns once the change is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.writes.push(Box::new(WriteJob::new(work, reply))).await.map_err(unavailable)?;
        answer.await.unwrap_or_else(|gone| Err(unavailable(gone)))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.writes.close();
        self.reads.close();
        self.reports.close();
        for handle in self.handles.drain(..) {
            // Jobs that panic are caught, so there is nothing to hear from a thread.
            let _ = handle.join();
        }
    }
}

/// Runs a job; one that panics has failed and does not take its thread along.
fn guarded<T>(
    conn: &mut SqliteConnection,
    work: impl FnOnce(&mut SqliteConnection) -> Outcome<T>,
) -> Outcome<T> {
    // What the job had changed is rolled back by whoever runs it.
    catch_unwind(AssertUnwindSafe(|| work(conn))).unwrap_or_else(|_| {
        Err(Failed(StoreError::Internal(io::Error::other("a database job panicked").into())))
    })
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

#[cfg(test)]
mod tests;
