//! The requests that are measured.

use serde_json::{Map, Value, json};

use super::options::{Behaviour, Format, Plan};

/// What a client's requests continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Continues {
    Nothing,
    Conversation(String),
    Response(String),
}

/// The text by which a client that leaves is found in the mock's record.
pub(super) fn tag(client: usize) -> String {
    format!("client {client} leaves")
}

/// The bytes that a client sends, again and again.
pub(super) fn request(plan: &Plan, client: usize, continues: &Continues) -> Vec<u8> {
    let text = match plan.behaviour {
        Behaviour::Read => plan.prompt.clone(),
        Behaviour::Leave { .. } | Behaviour::Stall { .. } => tag(client),
    };
    let mut body = Map::new();
    if let Some(model) = &plan.model {
        body.insert("model".into(), model.as_str().into());
    }
    let (path, accept) = match plan.format {
        Format::Responses => {
            response_body(&text, continues, &mut body);
            ("/v1/responses", "text/event-stream")
        }
        Format::Completions => {
            let mut messages = history(plan.history, plan.history_bytes);
            messages.push(json!({"role": "user", "content": text}));
            body.insert("messages".into(), messages.into());
            body.insert("stream".into(), true.into());
            body.insert("stream_options".into(), json!({"include_usage": true}));
            ("/v1/chat/completions", "text/event-stream")
        }
        Format::ChatStreamSse | Format::ChatStreamNdjson | Format::ChatStreamText => {
            body.insert("message".into(), text.into());
            if let Continues::Conversation(id) = continues {
                body.insert("conversation_id".into(), id.as_str().into());
            }
            ("/chat/stream", accept(plan.format))
        }
    };
    plan.target.request("POST", path, accept, &Value::from(body).to_string())
}

fn accept(format: Format) -> &'static str {
    match format {
        Format::ChatStreamNdjson => "application/x-ndjson",
        Format::ChatStreamText => "text/plain",
        Format::ChatStreamSse | Format::Responses | Format::Completions => "text/event-stream",
    }
}

fn response_body(text: &str, continues: &Continues, body: &mut Map<String, Value>) {
    body.insert("input".into(), text.into());
    body.insert("stream".into(), true.into());
    // A history longer than the model's window is to be shortened, not refused.
    body.insert("truncation".into(), "auto".into());
    match continues {
        Continues::Nothing => {}
        Continues::Conversation(id) => {
            body.insert("conversation".into(), id.as_str().into());
        }
        Continues::Response(id) => {
            body.insert("previous_response_id".into(), id.as_str().into());
        }
    }
}

/// So many messages by turns, the last one the assistant's.
pub(super) fn history(messages: usize, bytes: usize) -> Vec<Value> {
    (0..messages)
        .map(|index| {
            let role = if (messages - index) % 2 == 1 { "assistant" } else { "user" };
            json!({"role": role, "content": filler(index, bytes)})
        })
        .collect()
}

/// A text of that length which no other message has.
fn filler(index: usize, bytes: usize) -> String {
    const WORDS: [&str; 8] =
        ["which", "river", "carries", "the", "evening", "light", "beyond", "stone"];
    let mut text = format!("Message {index}:");
    let mut words = WORDS.iter().cycle().skip(index % WORDS.len());
    while text.len() < bytes {
        text.push(' ');
        text.push_str(words.next().unwrap_or(&"word"));
    }
    // Numbers and words are ASCII, so any length is a character's boundary.
    text.truncate(bytes.max(1));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_ends_with_an_answer_and_has_the_asked_size() {
        let messages = history(20, 200);
        assert_eq!(messages.len(), 20);
        assert_eq!(messages[0]["role"], "user");
        assert_eq!(messages[19]["role"], "assistant");
        assert!(messages.iter().all(|m| m["content"].as_str().unwrap().len() == 200));
        assert_ne!(messages[3]["content"], messages[11]["content"]);
    }
}
