//! What every store does.

use crate::database::empty_store;

loquat_testkit::store_conformance!(empty_store());
