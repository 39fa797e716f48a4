//! The limiter over the store that keeps everything in memory.

mod exact;
mod failures;
mod periods;
mod portions;
mod random;
mod settings;
mod streams;
mod support;
