//! The test kit, tested.

mod memory_store;
mod scripted_provider;
mod streams;
