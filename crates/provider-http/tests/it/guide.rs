//! The guide says what the code does.

use futures::StreamExt as _;
use loquat_domain::{ItemContent, Message, Role, Settings, Usage};
use loquat_provider::{ChatProvider as _, ChatRequest, FinishReason, ProviderEvent};

use crate::own_model::Loud;

const GUIDE: &str = include_str!("../../../../docs/how-to/add-a-provider.md");

/// The guide's blocks of Rust, in order.
fn blocks() -> Vec<&'static str> {
    let block = |it: &'static str| it.split_once("```").map(|(code, _)| code);
    GUIDE.split("```rust\n").skip(1).filter_map(block).collect()
}

#[test]
fn its_blocks_of_code_are_the_files_that_are_tested_here() {
    let files =
        [include_str!("own_model.rs"), include_str!("own_wire.rs"), include_str!("conformance.rs")];
    assert_eq!(blocks(), files);
}

#[test]
fn a_provider_has_less_than_sixty_lines_and_a_wire_less_than_a_hundred_and_twenty() {
    let lines: Vec<_> = blocks().iter().map(|block| block.lines().count()).collect();
    assert!(lines[0] < 60, "{lines:?}");
    assert!(lines[1] < 120, "{lines:?}");
}

#[tokio::test]
async fn the_model_of_one_s_own_answers() {
    let hello = ItemContent::Message(Message::text(Role::User, "hello there you"));
    let settings = Settings { max_output_tokens: Some(2), ..Settings::default() };
    let answer = Loud.start(ChatRequest::new("loud", settings, vec![hello])).await.unwrap();
    let events: Vec<_> = answer.map(Result::unwrap).collect().await;
    let text = |text: &str| ProviderEvent::Text(text.to_owned());
    let expected = [
        text("HELLO "),
        text("THERE "),
        ProviderEvent::Finished(FinishReason::Length),
        ProviderEvent::Usage(Usage { input_tokens: 3, output_tokens: 2, ..Usage::default() }),
    ];
    assert_eq!(events, expected);
}
