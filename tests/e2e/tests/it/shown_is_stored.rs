//! What was shown is what is stored, byte for byte, in every format and however the provider's
//! bytes are cut.

use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::json;

use crate::harness::{Client, Config, Format, Home, Server};

/// Texts that a careless program would break: frames within the text, all kinds of line ends, a
/// mark that JavaScript takes for one, characters of one to four bytes, one that is made of
/// several, right-to-left text, quotes, a non-character, and the ends of other formats.
const PIECES: [&str; 9] = [
    "\n\ndata: x\r\nevent: done\n\n",
    "\u{2028}\u{2029}\u{85}",
    "é ü ß 漢字 ",
    "👩‍👩‍👧‍👦 ",
    "e\u{301} \u{202e}abc\u{202c} ",
    "\"quoted\\\" {\"is_complete\": true}\n",
    "\u{fffe}\u{feff}",
    "0\r\n\r\n[DONE]",
    " the end",
];

/// The same answer, cut into pieces of every size of these in turn.
const CUTS: [&[usize]; 3] = [&[1], &[2, 3, 5, 7], &[100_000]];

async fn serving() -> (ScriptedUpstream, Home, Server, Client) {
    let scripts = CUTS.map(|sizes| UpstreamScript::answer(PIECES).rechunked(sizes));
    let upstream = ScriptedUpstream::queue(scripts).await.unwrap();
    let home = Home::new(Config::scripted(&upstream));
    let server = home.serve().await;
    let client = home.client(&server).await;
    (upstream, home, server, client)
}

async fn is_stored(format: Format) {
    let (_upstream, _home, _server, client) = serving().await;
    let conversation = client.conversation().await;
    let conversation_id = json!(conversation);
    for turn in 0..CUTS.len() {
        let exchange = client.open(&format.ask_in("Hi", &conversation_id)).await;
        let shown = format.read(exchange).await.text;
        assert_eq!(shown, PIECES.concat());
        let items = client.items(&conversation).await;
        assert_eq!(items[2 * turn + 1], ("assistant".to_owned(), shown));
    }
}

#[tokio::test]
async fn as_text() {
    is_stored(Format::Text).await;
}

#[tokio::test]
async fn as_lines_of_json() {
    is_stored(Format::Lines).await;
}

#[tokio::test]
async fn as_server_sent_events() {
    is_stored(Format::ChatEvents).await;
}

#[tokio::test]
async fn as_response_events() {
    is_stored(Format::Responses).await;
}

#[tokio::test]
async fn as_completion_chunks_which_are_not_stored_but_shown_as_they_were_said() {
    let (_upstream, _home, _server, client) = serving().await;
    for _ in CUTS {
        let exchange = client.open(&Format::Completions.ask("Hi")).await;
        assert_eq!(Format::Completions.read(exchange).await.text, PIECES.concat());
    }
}

#[tokio::test]
async fn what_a_user_says_is_stored_as_it_was_said() {
    let (_upstream, _home, _server, client) = serving().await;
    let conversation = client.conversation().await;
    let message = PIECES.concat();
    let body = json!({"message": message, "conversation_id": conversation});
    client.post("/chat/stream", body).await;
    assert_eq!(client.items(&conversation).await[0], ("user".to_owned(), message));
}
