//! What callers get, in the shapes of the wire: made of domain values, never read back.

pub(crate) mod access;
pub(crate) mod branch;
pub(crate) mod compaction;
pub(crate) mod completion;
pub(crate) mod context;
pub(crate) mod conversation;
pub(crate) mod item;
pub(crate) mod limit;
pub(crate) mod list;
pub(crate) mod model;
pub(crate) mod provider;
mod receipt;
pub(crate) mod response;
pub(crate) mod route;
mod settings;
pub(crate) mod usage;
pub(crate) mod usage_row;
