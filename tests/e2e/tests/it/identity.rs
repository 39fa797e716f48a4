//! A certified OpenID provider, panva's oidc-provider as it comes from npm, and the real binary: what it
//! publishes and mints is nothing that we have made.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::harness::{Client, Config, Home, repository, soon};

/// The provider, started; it ends when it is dropped.
struct Issuer {
    _child: Child,
    asks: ChildStdin,
    tells: Lines<BufReader<ChildStdout>>,
    name: String,
}

impl Issuer {
    async fn start() -> Self {
        let home = repository().join("tests/identity");
        let there = home.join("node_modules/oidc-provider").exists();
        assert!(there, "oidc-provider is not there; `scripts/test` installs it");
        let mut child = Command::new("node")
            .arg("issuer.mjs")
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let asks = child.stdin.take().unwrap();
        let tells = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut issuer = Self { _child: child, asks, tells, name: String::new() };
        let told = issuer.told("issuer").await;
        let name = told["issuer"].as_str().unwrap().to_owned();
        Self { name, ..issuer }
    }

    /// The next line that has this member; it says other things too.
    async fn told(&mut self, member: &str) -> Value {
        loop {
            let line = soon("the provider tells something", self.tells.next_line()).await;
            let line = line.unwrap().expect("the provider goes on");
            match serde_json::from_str::<Value>(&line) {
                Ok(told) if told.get(member).is_some() => return told,
                Ok(told) => panic!("no {member}: {told}"),
                Err(_) => {}
            }
        }
    }

    /// A token that it gives by the client credentials grant.
    async fn token(&mut self, algorithm: &str, scopes: &str) -> String {
        self.asks.write_all(format!("{algorithm} {scopes}\n").as_bytes()).await.unwrap();
        self.told("token").await["token"].as_str().unwrap().to_owned()
    }

    fn config(&self, algorithms: &[&str], more: &str) -> Config {
        let (issuer, algorithms) = (&self.name, json!(algorithms));
        Config::none().table(&format!(
            "[auth.providers.oidc]\nissuer = \"{issuer}\"\naudiences = [\"loquat\"]\n\
             tenant_claim = \"/organization/id\"\ntoken_types = [\"at+jwt\"]\n\
             algorithms = {algorithms}\n{more}"
        ))
    }
}

#[tokio::test]
async fn the_tokens_of_a_certified_provider_are_believed() {
    let mut issuer = Issuer::start().await;
    let home = Home::new(issuer.config(&["RS256", "ES256", "EdDSA"], ""));
    let server = home.serve().await;
    let mut conversation = String::new();
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let token = issuer.token(algorithm, "other").await;
        let client = Client::new(server.address, &token);
        let models = client.get("/v1/models").await;
        assert_eq!(models.status, 200, "{algorithm}: {}\n{}", models.text(), server.output());
        if conversation.is_empty() {
            conversation = client.conversation().await;
        }
        // It is the same robot of the same tenant, whatever its token is signed with.
        let found = client.get(&format!("/v1/conversations/{conversation}")).await;
        assert_eq!(found.status, 200, "{algorithm}");
        let (message, signature) = token.rsplit_once('.').unwrap();
        let bent = format!("{message}.{}", signature.chars().rev().collect::<String>());
        let refused = Client::new(server.address, &bent).get("/v1/models").await;
        assert_eq!(refused.status, 401, "{algorithm}");
    }
}

#[tokio::test]
async fn what_is_not_allowed_to_its_issuer_is_refused() {
    let mut issuer = Issuer::start().await;
    let home = Home::new(issuer.config(&["ES256"], "required_scopes = [\"loquat-admin\"]"));
    let server = home.serve().await;
    let table = [
        ("ES256", "loquat-admin other", 200),
        ("ES256", "other", 401),
        ("ES256", "", 401),
        ("RS256", "loquat-admin", 401),
        ("EdDSA", "loquat-admin", 401),
    ];
    for (algorithm, scopes, status) in table {
        let token = issuer.token(algorithm, scopes).await;
        let answer = Client::new(server.address, &token).get("/v1/models").await;
        assert_eq!(answer.status, status, "{algorithm} {scopes}: {}", server.output());
    }
}
