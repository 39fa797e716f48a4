//! The test kit, tested.

mod memory_store;
