//! The test kit, tested.

mod broken_providers;
mod memory_store;
#[cfg(unix)]
mod postgres;
mod scripted_provider;
mod seen_to_fail;
mod streams;
