//! What is another's looks exactly like what does not exist, also while an answer is running.

use loquat_testkit::{Gate, ScriptedUpstream, UpstreamScript};
use serde_json::json;

use crate::harness::{Client, Config, Format, Home, Request};

/// Every way to ask for a response or a conversation by its id.
fn requests(response: &str, conversation: &str) -> Vec<Request> {
    let get = |path: String| Request::new("GET", path);
    let post = |path: &str, body| Request::post(path, body);
    vec![
        get(format!("/v1/responses/{response}")),
        post(&format!("/v1/responses/{response}/cancel"), json!({})),
        post("/v1/responses", json!({"input": "Hi", "previous_response_id": response})),
        post("/v1/responses", json!({"input": "Hi", "conversation": conversation})),
        post("/chat/stream", json!({"message": "Hi", "conversation_id": conversation})),
        get(format!("/v1/conversations/{conversation}")),
        post(&format!("/v1/conversations/{conversation}"), json!({"metadata": {}})),
        get(format!("/v1/conversations/{conversation}/items")),
        Request::new("DELETE", format!("/v1/conversations/{conversation}")),
        Request::new("DELETE", format!("/v1/responses/{response}")),
    ]
}

#[tokio::test]
async fn a_running_answer_is_hidden_from_everybody_else_and_undisturbed_by_them() {
    let gate = Gate::default();
    let script = UpstreamScript::sse().role().text("Mine ").wait(&gate).text("alone");
    let script = script.finish("stop").usage(1, 2).done();
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let home = Home::new(Config::scripted(&upstream));
    let server = home.serve().await;
    let owner = home.client(&server).await;
    let conversation = owner.conversation().await;
    let request = Format::Responses.ask_in("Whose?", &json!(conversation));
    let mut exchange = owner.open(&request).await;
    exchange.read_until("Mine").await;
    let response = exchange.response_id();

    for (tenant, user) in [("acme", "eve"), ("globex", "ada")] {
        let stranger = Client::new(server.address, &home.token(tenant, user).await);
        let unknown = "0".repeat(32);
        let unknown = requests(&format!("resp_{unknown}"), &format!("conv_{unknown}"));
        for (foreign, unknown) in requests(&response, &conversation).iter().zip(&unknown) {
            let (foreign_answer, unknown_answer) =
                (stranger.whole(foreign).await, stranger.whole(unknown).await);
            assert_eq!(foreign_answer.status, 404, "{foreign:?}: {}", foreign_answer.text());
            assert_eq!(foreign_answer.text(), unknown_answer.text(), "{foreign:?}");
        }
    }

    gate.open();
    assert_eq!(Format::Responses.read(exchange).await.text, "Mine alone");
    let items = owner.items(&conversation).await;
    assert_eq!(items.len(), 2, "{items:?}");
}
