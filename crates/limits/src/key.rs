//! The name of a count, looked up many times for each request.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState},
    ops::Deref,
    sync::Arc,
};

use loquat_store::AllowanceKey;

/// A key that was hashed when it was made. All keys of a limiter are hashed by the same state, which
/// nobody outside can guess.
#[derive(Debug)]
pub(crate) struct Key {
    hash: u64,
    key: AllowanceKey,
}

impl Key {
    pub(crate) fn new(state: &RandomState, key: AllowanceKey) -> Arc<Self> {
        Arc::new(Self { hash: state.hash_one(&key), key })
    }
}

impl Deref for Key {
    type Target = AllowanceKey;

    fn deref(&self) -> &AllowanceKey {
        &self.key
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.key == other.key
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Something for each key.
pub(crate) type ByKey<T> = HashMap<Arc<Key>, T, BuildHasherDefault<HashedBefore>>;

/// Takes the hash of a [`Key`] as it is.
#[derive(Debug, Default)]
pub(crate) struct HashedBefore(u64);

impl Hasher for HashedBefore {
    fn write(&mut self, bytes: &[u8]) {
        // A key writes a number, and nothing else is looked up.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
