//! The one JSON form of what both stores keep in a column: an item's content, a response's settings
//! and usage, and the checkpointed events.
//!
//! Every value has its version as key `v`, so that a later version can read what an earlier one
//! wrote.

use loquat_domain::{Event, ItemContent, Settings, Usage};

use crate::StoreError;
