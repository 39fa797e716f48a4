//! `loquat config`, and what stands on the command line.

use crate::program::Home;

#[test]
fn the_effective_configuration_names_its_secrets_and_does_not_hold_them() {
    let home = Home::new()
        .with("LOQUAT_AUTH_SECRET", "canary-7f1c0b9e5a3d48628e04c7b1f6a2d95e")
        .with("P_KEY", "canary-key")
        .with_file("[providers.p]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\napi_key_env = \"P_KEY\"\n");
    let done = home.run(&["config", "--http-workers", "3"]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    for line in [
        "listen = \"127.0.0.1:0\"",
        "http_workers = 3",
        "secret_env = \"LOQUAT_AUTH_SECRET\"",
        "api_key_env = \"P_KEY\"",
        "[models.echo]",
    ] {
        assert!(done.stdout.lines().any(|it| it == line), "{line}: {}", done.stdout);
    }
    assert!(!done.stdout.contains("canary"), "{}", done.stdout);
}

/// Nothing is shown, because something in it may be a secret.
fn not_shown(home: &Home, key: &str) {
    let done = home.run(&["config"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""));
    assert!(done.stderr.contains(key) && !done.stderr.contains("canary"), "{}", done.stderr);
}

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    let provider =
        |line: &str| Home::new().with_file(&format!("[providers.p]\nkind = \"openai\"\n{line}\n"));
    let database = "postgres://loquat:canary@db:port/loquat";
    not_shown(&Home::new().with("LOQUAT_DATABASE_URL", database), "database.url");
    not_shown(&provider("api_key_env = \"sk-canary\""), "providers.p.api_key_env");
    not_shown(&provider("api_key = \"canary\""), "providers.p.api_key");
    not_shown(&provider("base_url = \"https://u:canary@host/v1\""), "providers.p.base_url");
    not_shown(&provider("base_url = \"https://host/v1?key=canary\""), "providers.p.base_url");
    let key = "[[auth.keys]]\nalgorithm = \"HS256\"\nsecret_env = \"canary\"\n";
    not_shown(&Home::new().with_file(key), "auth.keys[0].secret_env");
}

#[test]
fn the_password_of_the_database_is_not_shown() {
    let database = "postgres://loquat:canary@db/loquat";
    let done = Home::new().with("LOQUAT_DATABASE_URL", database).run(&["config"]);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert!(done.stdout.contains("url = \"postgres://loquat:***@db/loquat\""), "{}", done.stdout);
    assert!(!done.stdout.contains("canary"), "{}", done.stdout);
}

#[test]
fn showing_the_configuration_changes_nothing() {
    let home = Home::new();
    assert_eq!(home.run(&["config"]).code, Some(0));
    assert!(!home.path("loquat-data").exists());
}

#[test]
fn what_is_shown_is_a_file_that_says_the_same() {
    let home = Home::new().with("LOQUAT_LOG", "debug");
    let shown = home.run(&["config"]).stdout;
    let again = Home::new().without("LOQUAT_LISTEN").with_file(&shown).run(&["config"]);
    assert_eq!((again.code, again.stdout), (Some(0), shown));
}

#[test]
fn a_configuration_whose_secrets_are_missing_is_shown_and_then_found_faulty() {
    let home = Home::new().with_file("[[auth.keys]]\nalgorithm = \"HS256\"\nsecret_env = \"S\"\n");
    let done = home.run(&["config"]);
    assert!(done.stdout.contains("secret_env = \"S\""), "{}", done.stdout);
    assert!(done.stderr.starts_with("loquat: auth.keys[0].secret_env: "), "{}", done.stderr);
    assert_eq!(done.code, Some(1));
}

#[test]
fn an_unknown_word_or_flag_is_told() {
    let done = Home::new().run(&["server"]);
    assert!(done.stderr.contains("server") && done.stderr.contains("--help"), "{}", done.stderr);
    assert_eq!(done.code, Some(2));
    let done = Home::new().run(&["--port", "80"]);
    assert!(done.stderr.contains("--port"), "{}", done.stderr);
    assert_eq!(done.code, Some(2));
}

#[test]
fn help_names_every_word_and_flag() {
    let help = Home::new().run(&["--help"]).stdout;
    for word in ["serve", "token", "migrate", "config", "--listen", "LOQUAT_DATA_DIR", "--version"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
}
