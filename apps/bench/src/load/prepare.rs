//! What is stored before the measurement, and the requests that continue it.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    connection::Connection,
    options::{Format, HistoryMode, Plan},
    request::{Continues, history, request},
};

/// So many connections store histories at once.
const WRITERS: usize = 8;

/// Most items in one call, by the API's own rule.
const ITEMS_A_CALL: usize = 20;

/// Most messages in the input of one response of a long history.
const MESSAGES_A_RESPONSE: usize = 199;

/// Stores every client's history, and returns every client's request.
///
/// # Errors
///
/// When the server refuses to store it.
pub(super) async fn requests(plan: &Arc<Plan>) -> anyhow::Result<Vec<Vec<u8>>> {
    let clients = usize::try_from(plan.clients).unwrap_or(usize::MAX);
    if plan.history == 0 || plan.format == Format::Completions {
        return Ok((0..clients).map(|index| request(plan, index, &Continues::Nothing)).collect());
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS.min(clients) {
        writers.spawn(store_for(Arc::clone(plan), writer, clients));
    }
    let mut requests = Vec::with_capacity(clients);
    while let Some(written) = writers.join_next().await {
        requests.extend(written??);
    }
    requests.sort_unstable_by_key(|(index, _)| *index);
    Ok(requests.into_iter().map(|(_, request)| request).collect())
}

/// Stores the histories of every [`WRITERS`]th client.
async fn store_for(
    plan: Arc<Plan>,
    first: usize,
    clients: usize,
) -> anyhow::Result<Vec<(usize, Vec<u8>)>> {
    let mut connection = Connection::open(&plan.target).await?;
    let mut requests = Vec::new();
    for index in (first..clients).step_by(WRITERS) {
        let continues = match plan.history_mode {
            HistoryMode::Fresh => fresh(&plan, &mut connection).await?,
            HistoryMode::Conversation => conversation(&plan, &mut connection).await?,
        };
        requests.push((index, request(&plan, index, &continues)));
    }
    Ok(requests)
}

/// A conversation that holds the history.
async fn conversation(plan: &Plan, connection: &mut Connection) -> anyhow::Result<Continues> {
    let created = connection.call(&plan.target, "POST", "/v1/conversations", "{}").await?;
    let id = id_of(&created)?;
    let path = format!("/v1/conversations/{id}/items");
    for items in history(plan.history, plan.history_bytes).chunks(ITEMS_A_CALL) {
        let body = json!({ "items": items }).to_string();
        connection.call(&plan.target, "POST", &path, &body).await?;
    }
    Ok(Continues::Conversation(id))
}

/// A response that the history leads to, its answer the history's last message.
async fn fresh(plan: &Plan, connection: &mut Connection) -> anyhow::Result<Continues> {
    let messages = history(plan.history, plan.history_bytes);
    let mut rest = messages.as_slice();
    let mut previous: Option<String> = None;
    while !rest.is_empty() {
        // Each response brings an answer in the place of one message.
        let mut count = MESSAGES_A_RESPONSE.min(rest.len() - 1);
        if rest.len() - count == 2 {
            // Its answer would leave one message, and no room for that one's answer.
            count -= 1;
        }
        let (input, later) = rest.split_at_checked(count.max(1)).unwrap_or((rest, &[]));
        rest = later.get(1..).unwrap_or_default();
        let mut body = json!({"input": input, "truncation": "auto"});
        if let Some(fields) = body.as_object_mut() {
            let model = plan.history_model.as_deref().map(Value::from);
            let previous = previous.take().map(Value::from);
            fields.extend(model.map(|model| ("model".into(), model)));
            fields.extend(previous.map(|id| ("previous_response_id".into(), id)));
        }
        let response =
            connection.call(&plan.target, "POST", "/v1/responses", &body.to_string()).await?;
        previous = Some(id_of(&response)?);
    }
    previous.map(Continues::Response).context("no history was asked for")
}

fn id_of(object: &Value) -> anyhow::Result<String> {
    let id = object.get("id").and_then(Value::as_str);
    id.map(str::to_owned).context("the answer has no id")
}
