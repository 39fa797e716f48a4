//! The program on Postgres, as `docs/how-to/postgres.md` sets it up.

use loquat_testkit::TestDatabase;

use crate::program::{Home, Request};

/// A database that nobody has migrated.
async fn empty() -> TestDatabase {
    TestDatabase::create("empty", |_| async { Ok::<_, std::convert::Infallible>(()) }).await
}

fn home(url: &str) -> Home {
    Home::new().with("LOQUAT_DATABASE_URL", url)
}

#[tokio::test]
async fn a_migrated_database_is_served_by_the_role_that_owns_nothing() {
    let database = empty().await;
    for _ in 0..2 {
        let done = home(&database.owner_url()).run(&["migrate"]);
        assert_eq!((done.code, done.stdout, done.stderr), (Some(0), String::new(), String::new()));
    }
    let home = home(&database.app_url());
    let server = home.serve();
    assert!(server.told("Data:").contains(":***@"), "{}", server.banner);
    let token = home.token(&["--tenant", "acme", "--user", "ada"]);
    let made = server.answer(&Request::post("POST /v1/conversations", &token, "{}"));
    assert_eq!(made.status, 200, "{}", made.body);
    server.stopped();
    let server = home.serve();
    let listed = server.answer(&Request::get("GET /v1/conversations", &token));
    assert!(listed.body.contains("conv_"), "{}", listed.body);
    server.stopped();
}

#[tokio::test]
async fn a_database_that_nobody_has_migrated_is_refused() {
    let database = empty().await;
    let done = home(&database.app_url()).run(&[]);
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("loquat migrate"), "{}", done.stderr);
}

#[tokio::test]
async fn a_role_that_policies_do_not_bind_is_refused_unless_that_is_allowed() {
    let database = empty().await;
    assert_eq!(home(&database.owner_url()).run(&["migrate"]).code, Some(0));
    for url in [database.owner_url(), database.admin_url()] {
        let done = home(&url).run(&[]);
        assert_eq!(done.code, Some(1));
        assert!(done.stderr.contains("allow_unsafe_role"), "{}", done.stderr);
        let allowed = home(&url).with_file("[database]\nallow_unsafe_role = true\n");
        allowed.serve().stopped();
    }
}
