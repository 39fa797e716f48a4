//! What breaks a server: kills, a database that goes away, disks that are full or broken, clients
//! that leave in crowds, deletions in the middle, two processes on one database, a stop.
//!
//! Every text is unique, so that a loss, a duplicate or a text in the wrong place shows by
//! arithmetic. In a run of all tests each scenario is short; `just torture` runs the long ones.

mod deletion;
mod disk;
mod instances;
mod kills;
mod postgres;
mod resume;
mod seed;
mod speech;
mod stopping;
mod storm;
mod thread;
