//! What is derived from the part of a conversation that has left its window: its index, and its
//! summary. Made after the turn, by whichever process takes the job.

use std::{
    ops::RangeInclusive,
    sync::{Arc, Weak},
    time::Duration,
};

use loquat_context::index_items;
use loquat_domain::{StoredItem, Timestamp};
use loquat_store::{Backlog, ContextJob, Segment, StoreError, Summary};

use crate::{Material, SummaryError, periodic, service::Inner};

/// Pause between two looks for jobs.
const PAUSE: Duration = Duration::from_secs(1);

/// One job at a time, so that each is held no longer than it takes. The next follows at once.
const BATCH: u32 = 1;

/// For how long a job is held: longer than one takes.
const LEASE: Duration = Duration::from_mins(10);

/// The most items of one segment.
const SEGMENT: u32 = 256;

/// The most items and tokens that are summarised at once: what a small model can take.
const SUMMARISED_AT_ONCE: (u32, u32) = (256, 12_000);

/// The most summaries that are written in one job. What is left then is another.
const SUMMARIES: u32 = 8;

/// After so many more attempts in vain a job is given up: the next eviction queues it again.
const ATTEMPTS: u32 = 6;

/// The pause after the first attempt in vain; after each further one it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(15);

/// Does jobs until the service is gone.
pub(crate) async fn run(service: Weak<Inner>) {
    periodic::run(service, PAUSE, BATCH, derive).await;
}

async fn derive(inner: Arc<Inner>) -> u32 {
    let jobs = match inner.ports.context.claim_context_jobs(BATCH, LEASE).await {
        Ok(jobs) => jobs,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "context jobs could not be looked for");
            return 0;
        }
    };
    let found = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
    for job in jobs {
        let again = match inner.do_job(&job).await {
            Ok(Left::Nothing) => None,
            Ok(Left::More) => Some(Duration::ZERO),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                let (conversation, attempts) = (job.conversation, job.attempts);
                tracing::warn!(error, %conversation, attempts, "a context job failed");
                (attempts < ATTEMPTS).then(|| FIRST_PAUSE * 2_u32.saturating_pow(attempts))
            }
        };
        if let Err(error) = inner.ports.context.end_context_job(job, again).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "a context job's end could not be stored");
        }
    }
    found
}

/// Whether there is more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    More,
}

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("the store failed")]
    Store(#[source] StoreError),
    #[error("the summariser failed")]
    Summary(#[source] SummaryError),
    #[error("the index could not be made")]
    Index,
}

impl Inner {
    async fn do_job(&self, job: &ContextJob) -> Result<Left, JobError> {
        match self.index(job).await {
            Ok(()) => {}
            Err(JobError::Store(StoreError::NotFound)) => return Ok(Left::Nothing),
            // The branch was edited meanwhile, or somebody was faster.
            Err(JobError::Store(StoreError::Conflict)) => return Ok(Left::More),
            Err(error) => return Err(error),
        }
        match self.summarise(job).await {
            Err(JobError::Store(StoreError::NotFound)) => Ok(Left::Nothing),
            Err(JobError::Store(StoreError::Conflict)) => Ok(Left::More),
            result => result,
        }
    }

    async fn backlog(&self, job: &ContextJob) -> Result<Backlog, JobError> {
        self.ports.context.backlog(&job.scope, job.conversation).await.map_err(JobError::Store)
    }

    async fn span(
        &self,
        job: &ContextJob,
        from: i64,
        to: i64,
        limit: u32,
    ) -> Result<Vec<StoredItem>, JobError> {
        let span = self.ports.context.span(&job.scope, job.conversation, from, to, limit).await;
        span.map_err(JobError::Store)
    }

    /// Covers everything before the anchor with segments.
    async fn index(&self, job: &ContextJob) -> Result<(), JobError> {
        let backlog = self.backlog(job).await?;
        let Some(anchor) = backlog.anchor else { return Ok(()) };
        for gap in gaps(&backlog.covered, anchor) {
            let mut from = *gap.start();
            let mut before = self.made_at(job, from - 1).await?;
            while from <= *gap.end() {
                let items = self.span(job, from, gap.end() + 1, SEGMENT).await?;
                let is_full = items.len() >= usize::try_from(SEGMENT).unwrap_or(usize::MAX);
                let last = match items.last() {
                    Some(last) if is_full => last.position,
                    _ => *gap.end(),
                };
                let after = items.last().map(|last| last.item.created_at);
                let data = self.off_workers(move || index_items(&items, before)).await;
                let segment =
                    Segment { first: from, last, data: data.map_err(|_| JobError::Index)? };
                let kept = self.ports.context.put_segment(
                    &job.scope,
                    job.conversation,
                    backlog.edits,
                    segment,
                );
                kept.await.map_err(JobError::Store)?;
                from = last + 1;
                before = after.or(before);
            }
        }
        Ok(())
    }

    /// When the item at a position was made, if there is one.
    async fn made_at(
        &self,
        job: &ContextJob,
        position: i64,
    ) -> Result<Option<Timestamp>, JobError> {
        if position < 0 {
            return Ok(None);
        }
        let items = self.span(job, position, position + 1, 1).await?;
        Ok(items.first().map(|stored| stored.item.created_at))
    }

    /// Brings the summary up to the anchor.
    async fn summarise(&self, job: &ContextJob) -> Result<Left, JobError> {
        let Some(summariser) = &self.ports.summariser else { return Ok(Left::Nothing) };
        for _ in 0..SUMMARIES {
            let backlog = self.backlog(job).await?;
            let Some(anchor) = backlog.anchor else { return Ok(Left::Nothing) };
            let from = backlog.summary.as_ref().map_or(0, |summary| summary.covers_to + 1);
            let items = self.span(job, from, anchor, SUMMARISED_AT_ONCE.0).await?;
            let items = at_once(items);
            let Some(covers_to) = items.last().map(|last| last.position) else {
                return Ok(Left::Nothing);
            };
            let material = Material {
                before: backlog.summary.map(|summary| summary.text),
                items: items.into_iter().map(|stored| stored.item.content).collect(),
                max_tokens: self.limits.summary_tokens,
            };
            let written = summariser.summarise(material).await.map_err(JobError::Summary)?;
            let counter = self.default_counter();
            let summary = Summary {
                covers_to,
                tokens: counter.text(&written.text),
                counter: counter.id(),
                text: written.text,
                model: written.model,
                created_at: self.ports.clock.now(),
            };
            let kept = self.ports.context.put_summary(
                &job.scope,
                job.conversation,
                backlog.edits,
                summary,
            );
            kept.await.map_err(JobError::Store)?;
        }
        Ok(Left::More)
    }
}

/// What no segment covers of the positions before `anchor`.
fn gaps(covered: &[RangeInclusive<i64>], anchor: i64) -> Vec<RangeInclusive<i64>> {
    let mut gaps = Vec::new();
    let mut next = 0;
    for range in covered.iter().filter(|range| *range.start() < anchor) {
        if next < *range.start() {
            gaps.push(next..=range.start() - 1);
        }
        next = range.end() + 1;
    }
    if next < anchor {
        gaps.push(next..=anchor - 1);
    }
    gaps
}

/// As many of the items as can be summarised at once; one at least.
fn at_once(mut items: Vec<StoredItem>) -> Vec<StoredItem> {
    let mut tokens = 0_u32;
    let fitting = items.iter().take_while(|stored| {
        tokens = tokens.saturating_add(stored.item.tokens);
        tokens <= SUMMARISED_AT_ONCE.1
    });
    let fitting = fitting.count().max(1);
    items.truncate(fitting);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_covered_is_covered_next() {
        assert_eq!(gaps(&[], 10), [0..=9]);
        assert_eq!(gaps(&[0..=4], 10), [5..=9]);
        assert_eq!(gaps(&[2..=4, 7..=20], 10), [0..=1, 5..=6]);
        assert!(gaps(&[0..=9], 10).is_empty());
        assert!(gaps(&[], 0).is_empty());
    }
}
