//! The code of the guide to providers of one's own, compiled, run, and held to what every provider
//! does: so this is also the test of what the wires share, with the simplest wire that there is.

#![expect(clippy::expect_used, reason = "helpers of tests are tests too")]

mod conformance;
mod credentials;
mod guide;
#[expect(unreachable_pub, reason = "as it stands in a crate of its own")]
mod own_model;
#[expect(unreachable_pub, reason = "as it stands in a crate of its own")]
mod own_wire;
