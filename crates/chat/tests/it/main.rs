//! The use cases on fakes: a store in memory and a model that the test plays by hand.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "these are tests: they panic where the product is wrong and spawn on their own runtime"
)]

mod access;
mod background;
mod bill;
mod branches;
mod elsewhere;
mod following;
mod forks;
mod history;
mod leaving;
mod lifecycle;
mod limits;
mod once;
mod recovery;
mod stage;
