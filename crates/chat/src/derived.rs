//! What is derived from the part of a conversation that has left its window: its index, and its
//! summary. Made after the turn, by whichever process takes the job.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use futures::FutureExt as _;
use loquat_context::index_items;
use loquat_domain::{ConversationId, Purpose, StoredItem, Timestamp};
use loquat_provider::About;
use loquat_store::{Backlog, ContextJob, Segment, StoreError, Summary};
use tokio::{runtime::Handle, sync::Semaphore, time::Instant};

use crate::{
    Material, Summariser, SummaryError,
    bill::{Account, Billed},
    periodic,
    service::Inner,
    summary::at_once,
};

/// Pause between two looks for jobs.
const PAUSE: Duration = Duration::from_secs(1);

/// One job at a time, so that each is held no longer than it takes. The next follows at once.
const BATCH: u32 = 1;

/// For how long a job is held. Half of it is for the work; what is begun by then may end in the
/// other half.
const LEASE: Duration = Duration::from_mins(5);

/// The most items of one segment.
const SEGMENT: u32 = 256;

/// The most items that are summarised at once.
const SUMMARISED_AT_ONCE: u32 = 256;

/// Where there is no summary yet, it begins so many positions before the window. After an import or
/// an edit of a long conversation all of it would cost hundreds of calls; what is older can be
/// fetched back.
const FIRST_SUMMARY: i64 = 4_096;

/// How many summaries may be in the making in this process. Those that hang hold up no more.
const SUMMARIES: usize = 4;

/// A conversation whose summary finds no place is looked at again after this.
const BUSY: Duration = Duration::from_secs(5);

/// After so many failures a job is given up: the next eviction queues it again.
const ATTEMPTS: u32 = 12;

/// The pause after the first failure; after each further one it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(15);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// Of no more conversations than this it is known how often they have failed.
const KNOWN_FAILURES: usize = 10_000;

/// Does jobs until the service is gone.
pub(crate) async fn run(service: Weak<Inner>) {
    let worker = Arc::new(Worker::default());
    periodic::run(service, PAUSE, BATCH, |inner| derive(inner, Arc::clone(&worker))).await;
}

async fn derive(inner: Arc<Inner>, worker: Arc<Worker>) -> u32 {
    if inner.accepts_turns().is_err() {
        return 0;
    }
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
        worker.work(&inner, job).await;
    }
    found
}

/// What this process knows of its jobs.
struct Worker {
    summaries: Arc<Semaphore>,
    /// How often jobs have failed here. The store counts also how often they were put off.
    failures: Mutex<HashMap<ConversationId, u32>>,
}

impl Default for Worker {
    fn default() -> Self {
        Self { summaries: Arc::new(Semaphore::new(SUMMARIES)), failures: Mutex::default() }
    }
}

impl Worker {
    /// Brings the index up to date, and has the summary brought up to date without waiting for it:
    /// a model that hangs holds up no index.
    async fn work(self: &Arc<Self>, inner: &Arc<Inner>, job: ContextJob) {
        let until = Instant::now() + LEASE / 2;
        let indexed = outcome(inner.index(&job, until)).await;
        if !matches!(indexed, Ok(Left::Nothing)) || inner.ports.summariser.is_none() {
            self.end(inner, job, indexed).await;
            return;
        }
        let Ok(permit) = Arc::clone(&self.summaries).try_acquire_owned() else {
            end_job(inner, job, Some(BUSY)).await;
            return;
        };
        let (worker, inner) = (Arc::clone(self), Arc::clone(inner));
        // This runs on the service's runtime already.
        Handle::current().spawn(async move {
            let summarised = outcome(inner.summarise(&job, until)).await;
            drop(permit);
            worker.end(&inner, job, summarised).await;
        });
    }

    async fn end(&self, inner: &Inner, job: ContextJob, done: Result<Left, JobError>) {
        let again = match done {
            Ok(left) => {
                self.failures().remove(&job.conversation);
                (left == Left::More).then_some(Duration::ZERO)
            }
            Err(error) => {
                let failures = self.failed(&job);
                let error: &dyn std::error::Error = &error;
                let conversation = job.conversation;
                tracing::warn!(error, %conversation, failures, "a context job failed");
                let again = pause(failures);
                if again.is_none() {
                    self.failures().remove(&conversation);
                }
                again
            }
        };
        end_job(inner, job, again).await;
    }

    /// How often the job has failed, with this time.
    fn failed(&self, job: &ContextJob) -> u32 {
        let mut all = self.failures();
        // It was queued anew.
        if job.attempts == 0 {
            all.remove(&job.conversation);
        }
        if all.len() >= KNOWN_FAILURES {
            all.clear();
        }
        let failures = all.entry(job.conversation).or_default();
        *failures += 1;
        *failures
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, HashMap<ConversationId, u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait after so many failures; `None` to give up.
fn pause(failures: u32) -> Option<Duration> {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    (failures < ATTEMPTS).then(|| FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE))
}

async fn end_job(inner: &Inner, job: ContextJob, again: Option<Duration>) {
    if let Err(error) = inner.ports.context.end_context_job(job, again).await {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "a context job's end could not be stored");
    }
}

/// What came of a part of a job.
async fn outcome(work: impl Future<Output = Result<Left, JobError>>) -> Result<Left, JobError> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    match done.unwrap_or(Err(JobError::Panicked)) {
        Err(JobError::Store(StoreError::NotFound)) => Ok(Left::Nothing),
        // The branch was edited meanwhile, or somebody was faster.
        Err(JobError::Store(StoreError::Conflict)) => Ok(Left::More),
        done => done,
    }
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
    #[error("the work panicked")]
    Panicked,
}

impl Inner {
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

    /// Covers everything before the anchor with segments, as far as there is time.
    async fn index(&self, job: &ContextJob, until: Instant) -> Result<Left, JobError> {
        let backlog = self.backlog(job).await?;
        let Some(anchor) = backlog.anchor else { return Ok(Left::Nothing) };
        for gap in gaps(&backlog.covered, anchor) {
            let mut from = *gap.start();
            let mut before = self.made_at(job, from - 1).await?;
            while from <= *gap.end() {
                if !self.goes_on(until) {
                    return Ok(Left::More);
                }
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
        Ok(Left::Nothing)
    }

    /// Whether there is time for more. A server that is being stopped leaves the rest to others.
    fn goes_on(&self, until: Instant) -> bool {
        Instant::now() < until && self.accepts_turns().is_ok()
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

    /// Brings the summary up to the anchor, as far as there is time.
    async fn summarise(
        self: &Arc<Self>,
        job: &ContextJob,
        until: Instant,
    ) -> Result<Left, JobError> {
        let Some(summariser) = &self.ports.summariser else { return Ok(Left::Nothing) };
        while self.goes_on(until) {
            let backlog = self.backlog(job).await?;
            let Some(anchor) = backlog.anchor else { return Ok(Left::Nothing) };
            let from = match &backlog.summary {
                Some(summary) => summary.covers_to + 1,
                None => (anchor - FIRST_SUMMARY).max(0),
            };
            let mut items = self.span(job, from, anchor, SUMMARISED_AT_ONCE).await?;
            let tokens = items.iter().map(|stored| stored.item.tokens);
            items.truncate(at_once(tokens, summariser.step_tokens()));
            let Some(covers_to) = items.last().map(|last| last.position) else {
                return Ok(Left::Nothing);
            };
            let mut bill = self.bill(job, summariser.as_ref());
            let material = Material {
                about: About {
                    scope: Some(job.scope.clone()),
                    conversation: Some(job.conversation),
                    ..About::default()
                },
                trail: bill.as_mut().map(Billed::next).unwrap_or_default(),
                before: backlog.summary.map(|summary| summary.text),
                items: items.into_iter().map(|stored| stored.item.content).collect(),
                max_tokens: self.limits.summary_tokens,
            };
            let written = summariser.summarise(material).await.map_err(JobError::Summary)?;
            drop(bill);
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

impl Inner {
    /// Who pays for a summary. Whether the conversation is listed nobody has read.
    fn bill(self: &Arc<Self>, job: &ContextJob, summariser: &dyn Summariser) -> Option<Billed> {
        let model = summariser.model()?;
        let account = Account {
            scope: job.scope.clone(),
            purpose: Purpose::Summary,
            conversation: None,
            response: None,
            first_attempt: 0,
            asked: model.id.clone(),
            price: model.price,
        };
        Some(self.billed(account, None))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    use async_trait::async_trait;
    use loquat_context::{Estimate, Policy, TokenCounter as _};
    use loquat_domain::{Item, ItemContent, ItemId, ItemStatus, Message, Role};
    use loquat_provider::MockChatProvider;
    use loquat_store::MockContextStore;
    use tokio::sync::mpsc;

    use crate::{
        ChatService, Limits, Model, ModelCatalog, Ports, Summariser, Written,
        test_service::{mocked_ports, new_id, nothing_over, scope},
    };

    #[test]
    fn what_is_not_covered_is_covered_next() {
        assert_eq!(gaps(&[], 10), [0..=9]);
        assert_eq!(gaps(&[0..=4], 10), [5..=9]);
        assert_eq!(gaps(&[2..=4, 7..=20], 10), [0..=1, 5..=6]);
        assert!(gaps(&[0..=9], 10).is_empty());
        assert!(gaps(&[], 0).is_empty());
    }

    #[test]
    fn pauses_grow_to_ten_minutes_and_end() {
        assert_eq!(pause(1), Some(FIRST_PAUSE));
        assert_eq!(pause(3), Some(FIRST_PAUSE * 4));
        assert_eq!(pause(11), Some(LONGEST_PAUSE));
        assert_eq!(pause(12), None);
    }

    /// What a summariser does that writes nothing.
    enum Faulty {
        Hangs,
        Panics,
    }

    #[async_trait]
    impl Summariser for Faulty {
        async fn summarise(&self, _material: Material) -> Result<Written, SummaryError> {
            match self {
                Self::Hangs => std::future::pending().await,
                Self::Panics => panic!("the test wants it"),
            }
        }

        fn step_tokens(&self) -> u32 {
            512
        }
    }

    fn model() -> Model {
        Model {
            id: "mock".to_owned(),
            owner: "test".to_owned(),
            upstream: "mock".to_owned(),
            provider: Arc::new(MockChatProvider::new()),
            context_window: 1_024,
            max_output_tokens: 128,
            price: loquat_domain::Price::default(),
            tenants: None,
            counter: Arc::new(Estimate),
            policy: Policy::full(),
            created_at: Timestamp::from_micros(0),
        }
    }

    fn service(context: MockContextStore, summariser: Faulty) -> ChatService {
        let mut upkeep = nothing_over();
        upkeep.expect_stale_turns().returning(|_| Ok(Vec::new()));
        let ports = Ports {
            upkeep: Arc::new(upkeep),
            context: Arc::new(context),
            summariser: Some(Arc::new(summariser)),
            ..mocked_ports(ModelCatalog::new(vec![model()], "mock").unwrap())
        };
        ChatService::new(ports, Limits::default(), Handle::current())
    }

    fn stored(position: i64) -> StoredItem {
        let item = Item {
            id: ItemId::from_uuid(new_id()),
            response: None,
            content: ItemContent::Message(Message::text(Role::User, "I live in Kiel.")),
            status: ItemStatus::Completed,
            tokens: 8,
            counter: Estimate.id(),
            created_at: Timestamp::from_micros(0),
        };
        StoredItem { position, item }
    }

    /// A store with so many jobs, one a conversation, and what is told when one ends or an index
    /// is kept.
    fn jobs(
        many: i64,
        anchor: i64,
    ) -> (MockContextStore, mpsc::Receiver<Option<Duration>>, Arc<AtomicI64>) {
        let (ended, ends) = mpsc::channel(64);
        let (claimed, indexed) = (AtomicI64::new(0), Arc::new(AtomicI64::new(0)));
        let mut context = MockContextStore::new();
        context.expect_claim_context_jobs().returning(move |_, _| {
            let ticket = claimed.fetch_add(1, Ordering::SeqCst);
            let conversation = ConversationId::from_uuid(new_id());
            let job = ContextJob { scope: scope(), conversation, attempts: 0, ticket };
            Ok(if ticket < many { vec![job] } else { Vec::new() })
        });
        context.expect_backlog().returning(move |_, _| {
            Ok(Backlog { edits: 0, anchor: Some(anchor), covered: Vec::new(), summary: None })
        });
        context.expect_span().returning(|_, _, from, _, _| Ok(vec![stored(from)]));
        let counted = Arc::clone(&indexed);
        context.expect_put_segment().returning(move |_, _, _, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        context.expect_end_context_job().returning(move |_, again| {
            ended.try_send(again).unwrap();
            Ok(())
        });
        (context, ends, indexed)
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_counts_as_a_failure() {
        let (context, mut ends, _) = jobs(1, 10);
        let _service = service(context, Faulty::Panics);
        assert_eq!(ends.recv().await, Some(Some(FIRST_PAUSE)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_summariser_that_hangs_holds_up_no_index() {
        let (context, mut ends, indexed) = jobs(6, 10);
        let _service = service(context, Faulty::Hangs);
        assert_eq!(ends.recv().await, Some(Some(BUSY)), "the fifth finds no place");
        assert_eq!(ends.recv().await, Some(Some(BUSY)));
        assert_eq!(indexed.load(Ordering::SeqCst), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_being_stopped_claims_nothing() {
        let mut context = MockContextStore::new();
        context.expect_claim_context_jobs().never();
        let service = service(context, Faulty::Hangs);
        service.refuse_turns();
        tokio::time::sleep(PAUSE * 3).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_summary_begins_not_long_before_the_window() {
        let (ask, mut asked) = mpsc::channel(8);
        let mut context = MockContextStore::new();
        context.expect_backlog().returning(|_, _| {
            Ok(Backlog { edits: 0, anchor: Some(10_000), covered: Vec::new(), summary: None })
        });
        context.expect_claim_context_jobs().returning(|_, _| Ok(Vec::new()));
        context.expect_span().returning(move |_, _, from, to, _| {
            ask.try_send((from, to)).unwrap();
            Ok(Vec::new())
        });
        let service = service(context, Faulty::Hangs);
        let conversation = ConversationId::from_uuid(new_id());
        let job = ContextJob { scope: scope(), conversation, attempts: 0, ticket: 0 };
        let left = service.inner.summarise(&job, Instant::now() + LEASE).await;
        assert!(matches!(left, Ok(Left::Nothing)), "{left:?}");
        assert_eq!(asked.recv().await, Some((5_904, 10_000)));
    }
}
