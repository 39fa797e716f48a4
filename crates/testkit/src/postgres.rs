//! Throw-away Postgres from the machine's own binaries: one cluster for all tests of a run, a
//! database of its own for each test, and clusters of a test's own that it may break.
//!
//! Nothing may be left behind however a test ends, and cargo-nextest runs every test in a process
//! of its own. So each cluster has a supervisor, a shell script in a process group of its own,
//! which waits at a named pipe that every process using the cluster holds open for writing. The
//! kernel closes it whichever way a process ends; at the end of the pipe, when nobody has come back
//! for a while, the supervisor stops the cluster and removes its directory.

mod admin;
mod database;
mod installation;
mod place;
mod private;
mod server;
mod shared;
mod target;
mod template;

pub use database::TestDatabase;
pub use private::{ClusterOptions, PrivateCluster};

/// Owns the test databases and migrates them; may log in, is no superuser.
pub const OWNER_ROLE: &str = "loquat_owner";

/// Owns nothing, is no superuser and cannot bypass row-level security; what it may do is for the
/// migrations to grant.
pub const APP_ROLE: &str = "loquat_app";

/// The names of tests' databases start with it; on a given server such databases belong to us.
const DATABASE_PREFIX: &str = "loquat_test_";

/// The names of templates start with it.
const TEMPLATE_PREFIX: &str = "loquat_template_";

/// 64 bits that no other process has come up with: the standard library seeds its hash maps with
/// the system's randomness.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one((std::process::id(), std::time::SystemTime::now()))
}

/// The same number for the same value in every process of one build.
fn fingerprint(value: impl std::hash::Hash) -> u64 {
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

/// Runs what blocks on a thread that may be blocked; panics as it panics.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("the runtime of the test is shutting down: {error}"),
        },
    }
}
