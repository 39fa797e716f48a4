//! Counting where it holds nobody up.

use std::sync::OnceLock;

use loquat_context::TokenCounter;
use loquat_domain::CounterId;
use tokio::runtime::{Handle, RuntimeFlavor};

/// Longer texts, in bytes, take more than some milliseconds to count.
const COUNTED_AT_ONCE: usize = 64 * 1024;

/// A counter that holds up no worker of the runtime: what takes long, the first count of all, which
/// loads a vocabulary, and the count of a long text, is done while other work goes on elsewhere.
#[derive(Debug, Default)]
pub struct OffWorkers<C> {
    counter: C,
    loaded: OnceLock<()>,
}

impl<C: TokenCounter> OffWorkers<C> {
    /// Of a counter that may take long.
    pub const fn new(counter: C) -> Self {
        Self { counter, loaded: OnceLock::new() }
    }
}

impl<C: TokenCounter> TokenCounter for OffWorkers<C> {
    fn id(&self) -> CounterId {
        self.counter.id()
    }

    fn is_exact(&self) -> bool {
        self.counter.is_exact()
    }

    fn text(&self, text: &str) -> u32 {
        let count = || self.counter.text(text);
        if text.len() <= COUNTED_AT_ONCE && self.loaded.get().is_some() {
            return count();
        }
        let on_workers = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        let tokens = if on_workers { tokio::task::block_in_place(count) } else { count() };
        self.loaded.get_or_init(|| ());
        tokens
    }
}
