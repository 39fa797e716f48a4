//! Ids that are the same in every run.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use loquat_chat::IdSource;
use uuid::{Builder, Uuid};

/// Makes ids of version 7 that count up from one: what a test prints is the same in every run.
///
/// Clones continue one another's count. Two sources made apart make the same ids.
#[derive(Debug, Clone, Default)]
pub struct FakeIds {
    made: Arc<AtomicU64>,
}

impl FakeIds {
    /// A source that has made nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next id, greater than every earlier one of this source.
    pub fn next_id(&self) -> Uuid {
        let count = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        // The count fills the low 56 bits; version and variant sit above them.
        let [_, low @ ..] = count.to_be_bytes();
        let mut random = [0; 10];
        if let Some(tail) = random.last_chunk_mut() {
            *tail = low;
        }
        // 1 September 2025, 00:00:00 UTC, like FakeClock: an id that looks like a real one.
        Builder::from_unix_timestamp_millis(1_756_684_800_000, &random).into_uuid()
    }
}

impl IdSource for FakeIds {
    fn next(&self) -> Uuid {
        self.next_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_and_are_of_version_7() {
        let ids = FakeIds::new();
        let made: Vec<Uuid> = (0..1_000).map(|_| ids.clone().next_id()).collect();
        assert!(made.is_sorted_by(|earlier, later| earlier < later));
        assert!(made.iter().all(|id| id.get_version_num() == 7));
        assert_eq!(FakeIds::new().next_id(), made[0]);
    }
}
