//! What an operator may choose.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where the notebook lies and how it is served.
///
/// ```
/// use std::num::NonZeroUsize;
/// use loquat_store_sqlite::SqliteOptions;
///
/// let options = SqliteOptions::new("data/loquat.sqlite").with_readers(NonZeroUsize::MIN);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    path: PathBuf,
    readers: NonZeroUsize,
    queue: NonZeroUsize,
    patience: Duration,
    busy_timeout: Duration,
}

/// Enough to keep reading while one of them is busy with a long branch.
const READERS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// Calls that may wait for the writer, and as many for the readers: four full commits.
const QUEUE: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// How long a call waits for room in a queue: a caller that is told later than this has given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long SQLite waits for another process that holds the file: a backup's or a migration's step.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl SqliteOptions {
    /// The given file and defaults for the rest: 2 readers, queues of 1,024 calls, 2 s to wait for
    /// room in them, 5 s to wait for another process.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            readers: READERS,
            queue: QUEUE,
            patience: PATIENCE,
            busy_timeout: BUSY_TIMEOUT,
        }
    }

    /// The number of threads that read, each with a connection of its own. One more reads for reports of
    /// usage alone.
    #[must_use]
    pub fn with_readers(self, readers: NonZeroUsize) -> Self {
        Self { readers, ..self }
    }

    /// The most calls that wait for the writer, and the most that wait for a reader.
    #[must_use]
    pub fn with_queue(self, queue: NonZeroUsize) -> Self {
        Self { queue, ..self }
    }

    /// How long a call waits for room in a full queue before it is
    /// [`Unavailable`](loquat_store::StoreError::Unavailable).
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How long to wait for another process that holds the file.
    #[must_use]
    pub fn with_busy_timeout(self, busy_timeout: Duration) -> Self {
        Self { busy_timeout, ..self }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn readers(&self) -> usize {
        self.readers.get()
    }

    pub(crate) fn queue(&self) -> usize {
        self.queue.get()
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) fn busy_timeout(&self) -> Duration {
        self.busy_timeout
    }
}
