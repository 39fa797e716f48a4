//! What callers get, in the shapes of the wire: made of domain values, never read back.

pub(crate) mod branch;
pub(crate) mod completion;
pub(crate) mod conversation;
pub(crate) mod item;
pub(crate) mod list;
pub(crate) mod model;
pub(crate) mod response;
mod settings;
pub(crate) mod usage;
