//! The cluster that all processes of a test run share.

use std::fs;

use loquat_testkit::{ClusterOptions, PrivateCluster, TestDatabase};

use super::{
    ask, notes,
    process::{Actor, Server, Stage, kill, role, soon, tell},
    run,
};

/// Creates a database, tells its name, and stays until it is killed.
async fn hold_a_database() {
    let database = TestDatabase::create("notes", notes).await;
    tell(database.name());
    std::future::pending::<()>().await;
}

/// Creates a database and tells where its server keeps it.
async fn use_a_database() {
    let database = TestDatabase::create("notes", notes).await;
    tell(&data_directory(&database).await);
}

async fn data_directory(database: &TestDatabase) -> String {
    ask(&database.admin_url(), "SHOW data_directory").await
}

#[tokio::test]
async fn processes_share_a_cluster_which_goes_after_the_last_even_if_that_is_killed() {
    const NAME: &str =
        "shared::processes_share_a_cluster_which_goes_after_the_last_even_if_that_is_killed";
    match role().as_deref() {
        Some("hold") => hold_a_database().await,
        Some(_) => return use_a_database().await,
        None => {}
    }
    let stage = Stage::new("share");
    let start = |role| Actor::start(NAME, role, Some(&stage), None);
    // Two that come together, one after both.
    let (mut one, mut other) = (start("use"), start("use"));
    let shared = one.hear();
    assert_eq!(other.hear(), shared);
    one.finish();
    other.finish();
    let mut third = start("use");
    assert_eq!(third.hear(), shared);
    third.finish();

    let server = Server::of(shared);
    let mut killed = start("hold");
    killed.hear();
    assert!(server.is_listening());
    killed.kill();
    assert!(soon(|| stage.is_empty()).await, "something is left in {}", stage.path().display());
    assert!(!server.is_listening());
}

#[tokio::test]
async fn the_database_of_a_killed_test_is_swept_by_the_next() {
    const NAME: &str = "shared::the_database_of_a_killed_test_is_swept_by_the_next";
    match role().as_deref() {
        Some("hold") => hold_a_database().await,
        Some(_) => return use_a_database().await,
        None => {}
    }
    let witness = TestDatabase::create("notes", notes).await;
    let mut killed = Actor::start(NAME, "hold", None, None);
    let left = killed.hear();
    let mut living = Actor::start(NAME, "hold", None, None);
    let kept = living.hear();
    killed.kill();
    Actor::start(NAME, "use", None, None).finish();

    let exists = |name| format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(ask(&witness.admin_url(), &exists(left)).await, "0");
    assert_eq!(ask(&witness.admin_url(), &exists(kept)).await, "1");
}

#[tokio::test]
async fn a_reserved_name_is_kept_from_the_sweep_while_its_test_lives() {
    const NAME: &str = "shared::a_reserved_name_is_kept_from_the_sweep_while_its_test_lives";
    match role().as_deref() {
        Some("hold") => {
            let database = TestDatabase::create("notes", notes).await;
            let name = database.reserve_name("second").await;
            run(&database.admin_url(), &format!("CREATE DATABASE {name}")).await.unwrap();
            tell(&name);
            std::future::pending::<()>().await;
        }
        Some(_) => return use_a_database().await,
        None => {}
    }
    let witness = TestDatabase::create("notes", notes).await;
    let mut holder = Actor::start(NAME, "hold", None, None);
    let second = holder.hear();
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{second}'");
    Actor::start(NAME, "use", None, None).finish();
    assert_eq!(ask(&witness.admin_url(), &count).await, "1");
    holder.kill();
    Actor::start(NAME, "use", None, None).finish();
    assert_eq!(ask(&witness.admin_url(), &count).await, "0");
}

#[tokio::test]
async fn a_cluster_that_was_killed_is_replaced() {
    const NAME: &str = "shared::a_cluster_that_was_killed_is_replaced";
    if role().is_some() {
        let database = TestDatabase::create("notes", notes).await;
        let killed = data_directory(&database).await;
        let server = Server::of(&killed);
        tell(&killed);
        // Until the test has killed the server.
        soon(|| !server.is_listening()).await;
        return use_a_database().await;
    }
    let stage = Stage::new("replace");
    let mut actor = Actor::start(NAME, "use", Some(&stage), None);
    let killed = actor.hear();
    Server::of(&killed).kill();
    assert_ne!(actor.hear(), killed);
    actor.finish();
}

#[tokio::test]
async fn a_directory_from_before_the_last_boot_is_removed() {
    const NAME: &str = "shared::a_directory_from_before_the_last_boot_is_removed";
    if role().is_some() {
        return hold_a_database().await;
    }
    let stage = Stage::new("boot");
    let mut first = Actor::start(NAME, "hold", Some(&stage), None);
    first.hear();
    let entries = || fs::read_dir(stage.path()).unwrap().map(|it| it.unwrap().path());
    let orphan = entries().next().unwrap();
    Server::of(orphan.join("data")).kill();
    kill(fs::read_to_string(orphan.join("supervisor")).unwrap().trim());
    first.kill();

    let mut second = Actor::start(NAME, "hold", Some(&stage), None);
    second.hear();
    assert!(!orphan.exists());
    assert_eq!(entries().count(), 1);
}

#[tokio::test]
async fn a_given_server_is_used_instead() {
    const NAME: &str = "shared::a_given_server_is_used_instead";
    if role().is_some() {
        return hold_a_database().await;
    }
    let given = PrivateCluster::start(ClusterOptions::default()).await;
    let url = given.admin_url();
    let mut killed = Actor::start(NAME, "hold", None, Some(&url));
    let left = killed.hear();
    let names = "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname ^@ 'loquat_test_'";
    assert_eq!(ask(&url, names).await, left);
    killed.kill();

    let mut next = Actor::start(NAME, "hold", None, Some(&url));
    let held = next.hear();
    assert_eq!(ask(&url, names).await, held);
}
