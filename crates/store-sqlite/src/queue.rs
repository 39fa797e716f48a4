//! Where calls wait for a thread: bounded, first come, first served.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// No room became free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Full;

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too many calls are waiting for the database")
    }
}

impl std::error::Error for Full {}

/// Jobs that wait for a thread.
pub(crate) struct Queue<J> {
    room: Arc<Semaphore>,
    patience: Duration,
    waiting: Mutex<Waiting<J>>,
    arrived: Condvar,
}

struct Waiting<J> {
    /// Each job holds its place until a thread takes it.
    jobs: VecDeque<(J, OwnedSemaphorePermit)>,
    closed: bool,
}

impl<J> Queue<J> {
    pub(crate) fn new(places: usize, patience: Duration) -> Self {
        Self {
            room: Arc::new(Semaphore::new(places)),
            patience,
            waiting: Mutex::new(Waiting { jobs: VecDeque::new(), closed: false }),
            arrived: Condvar::new(),
        }
    }

    /// Puts a job at the end, as soon as there is room. Dropping the future before that leaves no
    /// trace; afterwards, the job is done whatever becomes of the caller.
    pub(crate) async fn push(&self, job: J) -> Result<(), Full> {
        let place = self.place().await?;
        self.lock().jobs.push_back((job, place));
        self.arrived.notify_one();
        Ok(())
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Full> {
        let room = || Arc::clone(&self.room);
        // No timer where there is room, which is the rule.
        if let Ok(place) = room().try_acquire_owned() {
            return Ok(place);
        }
        match tokio::time::timeout(self.patience, room().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }

    /// Blocks until there are jobs, and takes up to `most` of them. Empty once the queue is closed
    /// and everything in it was taken.
    pub(crate) fn take(&self, most: usize) -> Vec<J> {
        let idle = |waiting: &mut Waiting<J>| waiting.jobs.is_empty() && !waiting.closed;
        let waiting = self.arrived.wait_while(self.lock(), idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let count = waiting.jobs.len().min(most);
        waiting.jobs.drain(..count).map(|(job, _place)| job).collect()
    }

    /// Lets the threads end when they have done what is waiting.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        // Nothing can panic between two statements that belong together.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;

    #[tokio::test]
    async fn jobs_are_taken_in_their_order() {
        let queue = Queue::new(3, AT_ONCE);
        for job in 1..=3 {
            queue.push(job).await.unwrap();
        }
        assert_eq!(queue.take(2), [1, 2]);
        assert_eq!(queue.take(2), [3]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_until_a_job_is_taken() {
        let queue = Queue::new(1, AT_ONCE);
        queue.push(1).await.unwrap();
        assert_eq!(queue.push(2).await, Err(Full));
        assert_eq!(queue.take(9), [1]);
        assert_eq!(queue.push(3).await, Ok(()));
    }

    #[tokio::test]
    async fn a_closed_queue_still_gives_what_was_waiting() {
        let queue = Queue::new(2, AT_ONCE);
        queue.push(1).await.unwrap();
        queue.close();
        assert_eq!(queue.take(9), [1]);
        assert!(queue.take(9).is_empty());
    }
}
