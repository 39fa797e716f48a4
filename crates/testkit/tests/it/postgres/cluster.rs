//! A cluster of a test's own.

use loquat_testkit::{ClusterOptions, PrivateCluster};

use super::{
    ADD_NOTE, COUNT_NOTES, ask, notes,
    process::{Actor, Server, Stage, role, soon, tell},
    run,
};

#[tokio::test]
async fn what_was_committed_survives_a_restart_and_a_kill() {
    let cluster = PrivateCluster::start(ClusterOptions::default()).await;
    let database = cluster.create_database("notes", notes).await;
    let port = cluster.port();

    run(&database.app_url(), ADD_NOTE).await.unwrap();
    cluster.restart_immediate().await;
    assert_eq!(ask(&database.app_url(), COUNT_NOTES).await, "1");

    run(&database.app_url(), ADD_NOTE).await.unwrap();
    cluster.kill().await;
    assert!(run(&database.app_url(), ADD_NOTE).await.is_err());
    cluster.launch().await;
    assert_eq!(ask(&database.app_url(), COUNT_NOTES).await, "2");
    assert_eq!(cluster.port(), port);

    let name = database.name().to_owned();
    drop(database);
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(ask(&cluster.admin_url(), &count).await, "0");
}

#[tokio::test]
async fn a_dropped_cluster_is_gone() {
    let cluster = PrivateCluster::start(ClusterOptions::default()).await;
    let (data, url) = (cluster.data_directory(), cluster.admin_url());
    assert!(data.exists());
    drop(cluster);
    assert!(!data.parent().unwrap().exists());
    assert!(run(&url, "SELECT 1").await.is_err());
}

#[tokio::test]
async fn a_cluster_has_the_settings_rules_and_files_that_it_is_given() {
    let rules = "host all postgres 127.0.0.1/32 scram-sha-256\nhost all all all reject\n";
    let options = ClusterOptions::default()
        .with_setting("fsync", "on")
        .with_setting("application_name", "it's quoted")
        .with_hba(rules)
        .with_file("greeting.txt", "hello");
    let cluster = PrivateCluster::start(options).await;
    let url = cluster.admin_url();
    assert_eq!(ask(&url, "SHOW fsync").await, "on");
    assert_eq!(ask(&url, "SHOW application_name").await, "it's quoted");
    assert_eq!(ask(&url, "SELECT pg_read_file('greeting.txt')").await, "hello");
    let database = cluster.create_database("notes", notes_by_nobody).await;
    assert!(run(&database.app_url(), "SELECT 1").await.is_err());
}

async fn notes_by_nobody(_url: String) -> Result<(), std::convert::Infallible> {
    Ok(())
}

#[tokio::test]
async fn the_cluster_of_a_killed_test_goes_with_it() {
    const NAME: &str = "cluster::the_cluster_of_a_killed_test_goes_with_it";
    if role().is_some() {
        let cluster = PrivateCluster::start(ClusterOptions::default()).await;
        tell(&cluster.data_directory().display().to_string());
        return std::future::pending().await;
    }
    let stage = Stage::new("killed");
    let mut killed = Actor::start(NAME, "hold", Some(&stage), None);
    let server = Server::of(killed.hear());
    killed.kill();
    assert!(soon(|| stage.is_empty()).await, "something is left in {}", stage.path().display());
    assert!(!server.is_listening());
}

#[tokio::test]
async fn nothing_is_left_of_a_test_that_is_killed_while_its_cluster_starts() {
    const NAME: &str = "cluster::nothing_is_left_of_a_test_that_is_killed_while_its_cluster_starts";
    if role().is_some() {
        PrivateCluster::start(ClusterOptions::default()).await;
        return std::future::pending().await;
    }
    let stage = Stage::new("starting");
    let killed = Actor::start(NAME, "hold", Some(&stage), None);
    assert!(soon(|| !stage.is_empty()).await);
    killed.kill();
    assert!(soon(|| stage.is_empty()).await, "something is left in {}", stage.path().display());
}
