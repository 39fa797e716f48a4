//! Limits that hold for all servers of a database, what was used, who answers when one cannot, and
//! access that ends while an answer runs.

use std::time::Duration;

use loquat_testkit::{ClosedBy, Gate, ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Client, Config, Format, Home, Request, SOON, Store, on_both_stores, soon};

/// A million tokens of prompt and of answer: three and fifteen units.
const PRICE: &str = "[models.scripted.price]\ninput = 3.0\noutput = 15.0";

fn answer(input: u64, output: u64) -> UpstreamScript {
    UpstreamScript::sse().role().text("Hello").finish("stop").usage(input, output).done()
}

/// A client whose token has these scopes.
async fn client_with(
    home: &Home,
    address: std::net::SocketAddr,
    user: &str,
    scopes: &[&str],
) -> Client {
    let mut command = home.command();
    command.args(["token", "--tenant", "acme", "--user", user]);
    for scope in scopes {
        command.args(["--scope", scope]);
    }
    let done = soon("the program mints a token", command.output()).await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Client::new(address, String::from_utf8(done.stdout).unwrap().trim_end())
}

async fn usage(client: &Client, group: &str) -> Vec<Value> {
    let page = client.found(&format!("/v1/usage?group_by={group}&limit=100")).await;
    page["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_together_never_spend_more_than_a_limit_and_one_request() {
    // What a request may use at most: its prompt, and an answer of 100 tokens.
    const MOST_OF_ONE: u64 = 1_000;
    const LIMIT: u64 = 20_000;
    let upstream = ScriptedUpstream::always(answer(2, 90)).await.unwrap();
    let quota = format!("[[quotas]]\ntokens_per_day = {LIMIT}");
    let config = Config::scripted(&upstream).table(PRICE).table(&quota);
    let home = Home::on(Store::Postgres, config).await;
    let (left, right) = (home.serve().await, home.serve().await);
    let clients = [home.client(&left).await, home.client(&right).await].map(std::sync::Arc::new);
    let mut asked = JoinSet::new();
    for number in 0..200 {
        let client = std::sync::Arc::clone(&clients[number % 2]);
        asked.spawn(async move {
            let body = json!({"input": "Hi", "max_output_tokens": 100});
            let mut exchange = client.send(&Request::post("/v1/responses", body)).await;
            exchange.read_head().await;
            let retry_after = exchange.header("retry-after").map(str::to_owned);
            (exchange.status(), retry_after, exchange.answer().await)
        });
    }
    let (mut done, mut refused) = (0, 0);
    while let Some(answered) = asked.join_next().await {
        match answered.unwrap() {
            (200, _, _) => done += 1,
            (429, retry_after, answer) => {
                refused += 1;
                assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
                let seconds: u64 = retry_after.expect("says when").parse().unwrap();
                assert!(seconds >= 1);
            }
            (status, _, answer) => panic!("{status}: {}", answer.text()),
        }
    }
    assert_eq!(done + refused, 200);
    let reader = client_with(&home, left.address, "boss", &["usage:read"]).await;
    let [row] = usage(&reader, "model").await.try_into().expect("one model");
    let spent = row["input_tokens"].as_u64().unwrap() + row["output_tokens"].as_u64().unwrap();
    assert_eq!(row["calls"].as_u64().unwrap(), done, "each answer is one charge");
    assert_eq!(spent, done * 92);
    assert!(spent <= LIMIT + MOST_OF_ONE, "{spent} tokens were spent of {LIMIT}");
    // All of it can be used, but for what a request sets aside that it may turn out not to need.
    assert!(refused > 0, "200 requests of 92 tokens do not fit");
    assert!(spent >= LIMIT / 2, "only {spent} tokens could be spent of {LIMIT}");
}

on_both_stores! {
    usage_adds_up: usage_adds_up_to_the_millionth;
    revoked: a_revoked_user_s_running_answer_ends;
}

async fn usage_adds_up_to_the_millionth(store: Store) {
    let upstream = ScriptedUpstream::always(answer(7, 3)).await.unwrap();
    let home = Home::on(store, Config::scripted(&upstream).table(PRICE)).await;
    let server = home.serve().await;
    let (ada, ben) = (
        client_with(&home, server.address, "ada", &[]).await,
        client_with(&home, server.address, "ben", &[]).await,
    );
    for _ in 0..3 {
        ada.posted("/v1/responses", json!({"input": "Hi"})).await;
    }
    ben.posted("/v1/responses", json!({"input": "Hi", "store": false})).await;
    // 7 tokens at 3 and 3 at 15 millionths: 66 in each call.
    let [own] = usage(&ada, "day").await.try_into().expect("one day");
    assert_eq!((own["calls"].as_u64(), own["cost_micros"].as_u64()), (Some(3), Some(198)));
    let forbidden = ada.get("/v1/usage?user=ben").await;
    assert_eq!(forbidden.status, 403, "{}", forbidden.text());
    let reader = client_with(&home, server.address, "boss", &["usage:read"]).await;
    let all = async || {
        let rows = usage(&reader, "user").await;
        rows.iter().map(|row| row["cost_micros"].as_u64().unwrap()).sum::<u64>()
    };
    // What is not stored is charged a moment after its end.
    soon("all is charged", async {
        while all().await < 264 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(all().await, 264);
    let as_csv = Request::new("GET", "/v1/usage?group_by=user").accepting("text/csv");
    let csv = reader.whole(&as_csv).await.text();
    assert_eq!(csv.lines().count(), 3, "{csv}");
}

async fn a_revoked_user_s_running_answer_ends(store: Store) {
    let gate = Gate::default();
    let script = UpstreamScript::sse().role().text("Hello ").wait(&gate).text("never");
    let script = script.finish("stop").usage(1, 2).done();
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let home = Home::on(store, Config::scripted(&upstream)).await;
    let server = home.serve().await;
    let client = home.client(&server).await;
    let mut exchange = client.open(&Format::Responses.ask("Hi")).await;
    exchange.read_until("Hello").await;
    let id = exchange.response_id();

    let access = async |act: &str| {
        let mut command = home.command();
        command.args(["access", act, "--tenant", "acme", "--user", "ada"]);
        let done = soon("access is changed", command.output()).await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    access("revoke").await;
    let said = soon("the answer ends", Format::Responses.read(exchange)).await;
    assert_eq!((said.status.as_str(), said.text.as_str()), ("cancelled", "Hello "));
    let closed = upstream.wait_request_closed(0, SOON).await;
    assert_eq!(closed.expect("the provider works on").by, ClosedBy::Client);
    let refused = client.get(&format!("/v1/responses/{id}")).await;
    let nobody = Client::new(server.address, "no.such.token").get("/v1/models").await;
    assert_eq!((refused.status, refused.text()), (401, nobody.text()));

    access("restore").await;
    soon("the access is given back", async {
        while client.get("/v1/models").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let stored = client.found(&format!("/v1/responses/{id}")).await;
    assert_eq!(stored["incomplete_details"]["reason"], "access_revoked");
}

#[tokio::test]
async fn another_model_answers_when_one_cannot_and_the_receipt_says_so() {
    let broken =
        ScriptedUpstream::always(UpstreamScript::json(503, &json!({"error": {}}))).await.unwrap();
    let sound = ScriptedUpstream::always(answer(7, 3)).await.unwrap();
    let config = Config::none()
        .setting("default_model = \"auto\"")
        .provider("broken", &format!("base_url = \"{}\"\nretries = 0", broken.base_url()))
        .provider("sound", &format!("base_url = \"{}\"", sound.base_url()))
        .model("first", "broken")
        .model("second", "sound")
        .table("[routes.auto]\nmodels = [\"first\", \"second\"]");
    let home = Home::new(config);
    let server = home.serve().await;
    let client = home.client(&server).await;

    let chosen = client.posted("/v1/route", json!({"input": "Hi"})).await;
    assert_eq!(chosen["choice"]["models"], json!(["first", "second"]));
    let mut ids = Vec::new();
    for _ in 0..10 {
        let answer = client.posted("/v1/responses", json!({"input": "Hi"})).await;
        assert_eq!(answer["output"][0]["content"][0]["text"], "Hello");
        ids.push(answer["id"].as_str().unwrap().to_owned());
    }
    let receipt = client.found(&format!("/v1/responses/{}/context", ids[0])).await;
    let outcomes: Vec<_> = receipt["routing"]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| (attempt["model"].as_str().unwrap(), attempt["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(outcomes, [("first", "failed"), ("second", "answered")]);
    assert_eq!(sound.requests().len(), 10);
    // A provider that is dead costs a failed call, not one for each request.
    assert!(broken.requests().len() <= 3, "{} calls of a dead provider", broken.requests().len());
    let admin = client_with(&home, server.address, "boss", &["providers:read"]).await;
    let health = admin.found("/v1/admin/providers").await;
    let circuit = |name: &str| {
        let all = health["data"].as_array().unwrap();
        all.iter().find(|it| it["id"] == name).unwrap()["circuit"].clone()
    };
    assert_ne!(circuit("broken"), "closed", "{health}");
    assert_eq!(circuit("sound"), "closed");
}

#[tokio::test]
async fn a_tenant_reaches_only_the_models_that_are_for_it_also_when_others_fail() {
    let broken =
        ScriptedUpstream::always(UpstreamScript::json(503, &json!({"error": {}}))).await.unwrap();
    let secret = ScriptedUpstream::always(answer(7, 3)).await.unwrap();
    let config = Config::none()
        .setting("default_model = \"auto\"")
        .provider("broken", &format!("base_url = \"{}\"\nretries = 0", broken.base_url()))
        .provider("secret", &format!("base_url = \"{}\"", secret.base_url()))
        .model("open", "broken")
        .table(
            "[models.theirs]\nprovider = \"secret\"\ncontext_window = 8192\n\
             max_output_tokens = 1024\ntenants = [\"globex\"]",
        )
        .table("[routes.auto]\nmodels = [\"open\", \"theirs\"]");
    let home = Home::new(config);
    let server = home.serve().await;
    let ours = home.client(&server).await;
    let failed = ours.post("/v1/responses", json!({"input": "Hi"})).await;
    assert_eq!(failed.status, 502, "{}", failed.text());
    let by_name = ours.post("/v1/responses", json!({"input": "Hi", "model": "theirs"})).await;
    let by_no_name = ours.post("/v1/responses", json!({"input": "Hi", "model": "nobody's"})).await;
    assert_eq!((by_name.status, by_name.text()), (404, by_no_name.text()));
    assert_eq!(secret.requests().len(), 0);
    let listed = ours.found("/v1/models").await.to_string();
    assert!(!listed.contains("theirs"), "{listed}");

    let theirs = Client::new(server.address, &home.token("globex", "gus").await);
    let answer = theirs.posted("/v1/responses", json!({"input": "Hi"})).await;
    assert_eq!(answer["output"][0]["content"][0]["text"], "Hello");
}
