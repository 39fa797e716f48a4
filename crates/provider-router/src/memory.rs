//! Which model a conversation's prompt was sent to last.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use loquat_domain::ConversationId;
use tokio::time::Instant;

use crate::Target;

/// Where a conversation was.
#[derive(Debug, Clone)]
pub(crate) struct Last {
    pub(crate) target: Arc<Target>,
    /// Tokens of its prompt then.
    pub(crate) input_tokens: u32,
    pub(crate) at: Instant,
}

/// Bounded, and forgets first what was used least lately: what has not been used since half of the
/// places were filled anew goes at once.
#[derive(Debug)]
pub(crate) struct Memory {
    half: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<ConversationId, Last>,
    old: HashMap<ConversationId, Last>,
}

impl Memory {
    /// A memory of at most so many conversations, but at least two.
    pub(crate) fn new(most: usize) -> Self {
        Self { half: (most / 2).max(1), generations: Mutex::default() }
    }

    pub(crate) fn last(&self, conversation: ConversationId) -> Option<Last> {
        let generations = self.generations();
        let found = generations.young.get(&conversation);
        found.or_else(|| generations.old.get(&conversation)).cloned()
    }

    pub(crate) fn remember(&self, conversation: ConversationId, last: Last) {
        let mut generations = self.generations();
        if generations.young.len() >= self.half && !generations.young.contains_key(&conversation) {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(conversation, last);
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
