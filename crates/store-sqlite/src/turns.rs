//! The work of producing an answer, statement by statement.

mod begin;
mod checkpoint;
mod finish;
mod history;
mod log;
mod recovery;

pub(crate) use begin::{Begin, begin};
pub(crate) use checkpoint::checkpoint;
pub(crate) use finish::{Finish, delete_events, finish};
pub(crate) use history::history;
pub(crate) use log::events;
pub(crate) use recovery::stale;
