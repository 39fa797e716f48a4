//! The fake passes the suite that every store passes.

use loquat_testkit::MemoryStore;

loquat_testkit::store_conformance!(async { (MemoryStore::default(), ()) });
