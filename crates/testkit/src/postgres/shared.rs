//! The server on which tests get their databases: one cluster for all processes of a test run, or
//! the one that `LOQUAT_TEST_POSTGRES_URL` names.

use std::{sync::Arc, time::Duration};

use tokio::sync::Mutex;

use super::{
    ClusterOptions, blocking, fingerprint,
    installation::Installation,
    place::{self, Place, Presence},
    server::{self, SETTINGS, Server},
    target::Target,
};

/// How long the cluster waits for its next user. The processes of a test run follow one another
/// within moments, except that a test may use no database; making a cluster takes 1-3 s.
const GRACE: Duration = Duration::from_secs(10);

/// The server to use, which runs; made when there is none.
pub(super) async fn target() -> Arc<Target> {
    static CURRENT: Mutex<Option<Arc<Target>>> = Mutex::const_new(None);
    let mut current = CURRENT.lock().await;
    let known = current.take();
    let target = blocking(move || known.filter(|it| it.is_running()).unwrap_or_else(find)).await;
    Arc::clone(current.insert(target))
}

fn find() -> Arc<Target> {
    Arc::new(match given() {
        Some(url) => Target::given(&url),
        None => join_or_start(&Installation::find()),
    })
}

#[expect(clippy::disallowed_methods, reason = "the one variable of the test kit")]
fn given() -> Option<String> {
    std::env::var("LOQUAT_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty())
}

fn join_or_start(installation: &Installation) -> Target {
    // Another checkout, other binaries, other settings: another cluster.
    let circumstances = (env!("CARGO_MANIFEST_DIR"), &installation.programs, SETTINGS);
    let kind = format!("shared-{:016x}", fingerprint(circumstances));
    if let Some(target) = join(installation, &kind) {
        return target;
    }
    let lock = place::lock(installation)
        .unwrap_or_else(|error| panic!("the temporary folder cannot be locked: {error}"));
    // Somebody may have started one while this process waited for the lock.
    join(installation, &kind).unwrap_or_else(|| {
        let place = Place::claim(installation, &kind, GRACE, &lock)
            .unwrap_or_else(|error| panic!("no place for the tests' Postgres: {error}"));
        let server = Server::start(installation.clone(), place, &ClusterOptions::default());
        server
            .publish()
            .unwrap_or_else(|error| panic!("the tests' Postgres cannot be published: {error}"));
        let url = server.url();
        Target::own(&url, server.share())
    })
}

/// Enters a cluster of this kind that runs.
fn join(installation: &Installation, kind: &str) -> Option<Target> {
    place::all(installation, kind).iter().find_map(|directory| {
        // First come in, then look: it does not end while somebody is in.
        let presence = Presence::at(directory)?;
        server::published(directory).map(|url| Target::own(&url, Some(presence)))
    })
}
