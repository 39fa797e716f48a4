//! The test kit, tested.

mod memory_store;
#[cfg(unix)]
mod postgres;
mod scripted_provider;
mod streams;
