//! Random calls in random order, over several tenants and people that share ids, with crashes in
//! between: whatever was called, a store does what [`MemoryStore`] does, and what a few lines of
//! model say. See [`store_model!`](crate::store_model!).
//!
//! The conformance suite says what a store promises, one promise a test. This looks for what nobody
//! thought of: it runs the same calls on the store and on a [`MemoryStore`], compares every answer,
//! and after each call what can be read then. Because a `MemoryStore` could be wrong itself, the
//! tree of each conversation, the locks and the keys are kept a third time, as simply as can be.

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test panics where the store is wrong"
)]

mod bill;
mod calls;
mod ops;
mod reads;
mod trees;

use async_trait::async_trait;
use proptest::{
    collection::vec,
    test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner},
};

use crate::{MemoryStore, store_conformance::Store};
use calls::Player;
use ops::Op;
use trees::Trees;

/// How many rows of calls are tried, and how long the longest is: a store that syncs a disk for
/// each write gets through all of it in a few seconds.
const CASES: u32 = 32;
const LONGEST: usize = 64;

/// A store that can be torn down in the middle of its work.
#[async_trait]
pub trait Durable: Send + Sized {
    /// The store as it is now.
    fn store(&self) -> &dyn Store;

    /// Drops the store as if its process had died, and opens again what it has left behind.
    async fn reopen(self) -> Self;
}

#[async_trait]
impl Durable for MemoryStore {
    fn store(&self) -> &dyn Store {
        self
    }

    /// Nothing is left of memory, so that nothing is torn down.
    async fn reopen(self) -> Self {
        self
    }
}

/// Runs random calls on a store: expands to one test.
///
/// `$fixture` is an expression that yields a future of a [`Durable`] that is empty; it is evaluated
/// anew for each row of calls. What failed once is kept in `proptest-regressions` and tried again
/// first; a failure prints the shortest row of calls that shows it.
///
/// ```
/// loquat_testkit::store_model!(async { loquat_testkit::MemoryStore::default() });
/// ```
#[macro_export]
macro_rules! store_model {
    ($fixture:expr) => {
        #[test]
        fn random_calls_do_what_the_model_does() {
            $crate::store_model::check(file!(), || $fixture);
        }
    };
}

/// What [`store_model!`](crate::store_model!) expands to; `source` is where it stands.
pub fn check<D, F>(source: &'static str, fixture: impl Fn() -> F)
where
    D: Durable,
    F: Future<Output = D>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let defaults = Config::default();
    // PROPTEST_CASES is how one asks for a longer search.
    let asked_for = Some(defaults.cases).filter(|cases| *cases != 256);
    let mut runner = TestRunner::new(Config {
        cases: asked_for.unwrap_or(CASES),
        source_file: Some(source),
        failure_persistence: Some(Box::new(FileFailurePersistence::default())),
        ..defaults
    });
    let found = runner.run(&vec(ops::op(), 1..LONGEST), |ops| {
        runtime.block_on(async { play(fixture().await, &ops).await }).map_err(TestCaseError::fail)
    });
    match found {
        Ok(()) => {}
        Err(TestError::Fail(reason, ops)) => {
            let calls: Vec<_> = ops.iter().map(|op| format!("{op:?}")).collect();
            panic!("{reason}\nafter these calls:\n{}", calls.join("\n"));
        }
        Err(error) => panic!("{error}"),
    }
}

/// Makes the same calls on a store and on a [`MemoryStore`], and compares.
async fn play<D: Durable>(mut subject: D, ops: &[Op]) -> Result<(), String> {
    let witness = MemoryStore::default();
    let mut player = Player::default();
    let mut trees = Trees::default();
    for op in ops::prelude().iter().chain(ops) {
        if matches!(op, Op::Reopen) {
            subject = subject.reopen().await;
            compare_all(subject.store(), &witness, &player).await?;
            continue;
        }
        let call = player.call(op, &witness).await;
        let before = format!("{op:?} as {call:?}");
        let (expected, got) =
            (calls::make(&witness, &call).await, calls::make(subject.store(), &call).await);
        let same = expected.text == got.text;
        same.then_some(()).ok_or_else(|| {
            format!("{before}\nanswered: {}\nexpected: {}", got.text, expected.text)
        })?;
        trees.follow(&call, &expected)?;
        let expected = reads::around(&witness, &call, &player).await;
        let got = reads::around(subject.store(), &call, &player).await;
        differ(&before, &expected, &got)?;
    }
    subject = subject.reopen().await;
    compare_all(subject.store(), &witness, &player).await?;
    trees.compare(&witness).await
}

async fn compare_all(
    subject: &dyn Store,
    witness: &MemoryStore,
    player: &Player,
) -> Result<(), String> {
    let expected = reads::everything(witness, player).await;
    differ("everything", &expected, &reads::everything(subject, player).await)
}

/// The first difference between two readings, if there is one.
fn differ(after: &str, expected: &[String], got: &[String]) -> Result<(), String> {
    for (expected, got) in expected.iter().zip(got) {
        if expected != got {
            return Err(format!("after {after}\nreads: {got}\nexpected: {expected}"));
        }
    }
    Ok(())
}
