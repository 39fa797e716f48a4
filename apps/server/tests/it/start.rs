//! The first start, and the second.

use std::process::Command;

use crate::program::{Home, Request, mode};

#[test]
fn what_it_prints_lets_a_newcomer_chat_by_pasting_one_line() {
    let home = Home::new();
    let server = home.serve();
    let output = Command::new("sh").args(["-c", &server.pasted()]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "Hello, Loquat!",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn it_says_where_the_documentation_and_the_data_are() {
    let home = Home::new();
    let server = home.serve();
    assert_eq!(server.told("Docs:"), format!("http://{}/docs", server.address()));
    assert_eq!(server.answer(&Request::get("GET /docs/", "")).status, 200);
    let data = server.told("Data:");
    assert!(data.starts_with('/') && data.ends_with("/loquat-data/loquat.db"), "{data}");
    assert!(std::path::Path::new(data).is_file());
    assert_eq!(server.told("Models:"), "echo");
}

#[test]
fn nobody_else_on_the_machine_can_read_what_it_makes() {
    let home = Home::new();
    home.serve().stopped();
    assert_eq!(mode(&home.path("loquat-data")), 0o700);
    assert_eq!(mode(&home.path("loquat-data/secret")), 0o600);
    assert_eq!(mode(&home.path("loquat-data/loquat.db")), 0o600);
}

#[test]
fn the_second_start_has_the_same_secret_and_the_same_data() {
    let home = Home::new();
    let first = home.serve();
    let token = first.token();
    let created = first.answer(&Request::post("POST /v1/conversations", &token, "{}"));
    assert_eq!(created.status, 200, "{}", created.body);
    let (_, id) = created.body.split_once("\"conv_").unwrap();
    let path = format!("GET /v1/conversations/conv_{}", id.split('"').next().unwrap());
    first.stopped();
    let second = home.serve();
    let found = second.answer(&Request::get(&path, &token));
    assert_eq!(found.status, 200, "{}", found.body);
}

#[test]
fn the_database_may_lie_elsewhere() {
    let home = Home::new().with("LOQUAT_DATABASE_URL", "sqlite://other/notes.sqlite");
    let server = home.serve();
    assert!(server.told("Data:").ends_with("/other/notes.sqlite"));
    server.stopped();
    assert!(home.path("other/notes.sqlite").is_file());
    assert!(!home.path("loquat-data/loquat.db").exists());
}

#[test]
fn a_server_with_a_secret_of_its_own_needs_no_data_directory_for_one() {
    let home = Home::new()
        .with("LOQUAT_AUTH_SECRET", "7f1c0b9e5a3d48628e04c7b1f6a2d95e")
        .with("LOQUAT_DATABASE_URL", "sqlite://notes.sqlite");
    let server = home.serve();
    assert!(server.banner.contains("Bearer $TOKEN"), "{}", server.banner);
    let token = home.token(&["--tenant", "acme", "--user", "ada"]);
    assert_eq!(server.answer(&Request::get("GET /v1/models", &token)).status, 200);
    server.stopped();
    assert!(!home.path("loquat-data").exists());
}

#[test]
fn migrating_makes_the_database_that_a_server_then_uses() {
    let home = Home::new();
    let done = home.run(&["migrate"]);
    assert_eq!((done.code, done.stdout, done.stderr), (Some(0), String::new(), String::new()));
    assert!(home.path("loquat-data/loquat.db").is_file());
    assert!(!home.path("loquat-data/secret").exists());
    home.serve().stopped();
}
