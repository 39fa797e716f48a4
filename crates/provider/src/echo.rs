//! The model that needs nothing: it says again what it was told.

use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use loquat_domain::{ItemContent, Part, Role, Usage};

use crate::{AnswerStream, ChatProvider, ChatRequest, FinishReason, ProviderError, ProviderEvent};

/// Streams the text of the last user message back, word by word.
///
/// It counts a token a word, obeys `max_output_tokens`, and can be slowed down to see how a client
/// behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct EchoProvider {
    first_token_delay: Duration,
    inter_token_delay: Duration,
}

impl EchoProvider {
    /// An echo that waits `first_token_delay` before its first word and `inter_token_delay` before
    /// each further one.
    pub const fn new(first_token_delay: Duration, inter_token_delay: Duration) -> Self {
        Self { first_token_delay, inter_token_delay }
    }

    fn delay(self, word: usize) -> Duration {
        if word == 0 { self.first_token_delay } else { self.inter_token_delay }
    }
}

#[async_trait]
impl ChatProvider for EchoProvider {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let echo = *self;
        let mut words = words(&last_user_text(&request.input).unwrap_or_default());
        let limit = request.settings.max_output_tokens.and_then(|max| usize::try_from(max).ok());
        let finish = match limit {
            Some(limit) if words.len() > limit => FinishReason::Length,
            _ => FinishReason::Stop,
        };
        words.truncate(limit.unwrap_or(usize::MAX));
        let usage = Usage {
            input_tokens: request.input.iter().map(count_words).sum(),
            output_tokens: count(words.len()),
            ..Usage::default()
        };
        let spoken =
            stream::iter(words.into_iter().enumerate()).then(move |(at, word)| async move {
                let delay = echo.delay(at);
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                Ok(ProviderEvent::Text(word))
            });
        let end = [Ok(ProviderEvent::Finished(finish)), Ok(ProviderEvent::Usage(usage))];
        Ok(spoken.chain(stream::iter(end)).boxed())
    }
}

fn last_user_text(input: &[ItemContent]) -> Option<String> {
    input.iter().rev().find_map(|content| match content {
        ItemContent::Message(message) if message.role == Role::User => Some(
            message
                .parts
                .iter()
                .filter_map(|part| match part {
                    Part::Text(text) => Some(text.as_str()),
                    Part::Refusal(_) | Part::Image { .. } => None,
                })
                .collect(),
        ),
        _ => None,
    })
}

/// Words with the white space that follows them, so that together they are the text again.
fn words(text: &str) -> Vec<String> {
    text.split_inclusive(char::is_whitespace).map(str::to_owned).collect()
}

fn count_words(content: &ItemContent) -> u64 {
    count(content.texts().iter().map(|text| text.split_whitespace().count()).sum())
}

fn count(words: usize) -> u64 {
    u64::try_from(words).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use loquat_domain::{Message, Settings};

    fn request(text: &str, max_output_tokens: Option<u32>) -> ChatRequest {
        let input = vec![
            ItemContent::Message(Message::text(Role::User, text)),
            ItemContent::Message(Message::text(Role::Assistant, "not this")),
        ];
        ChatRequest::new("echo", Settings { max_output_tokens, ..Settings::default() }, input)
    }

    async fn events(echo: EchoProvider, request: ChatRequest) -> Vec<ProviderEvent> {
        echo.start(request).await.unwrap().map(Result::unwrap).collect().await
    }

    #[tokio::test]
    async fn the_echo_is_the_last_user_message_byte_for_byte() {
        let text = "  Grüße,\n\twelt \u{1F44B}\u{1F3FD} end ";
        let said: String = events(EchoProvider::default(), request(text, None))
            .await
            .into_iter()
            .filter_map(|event| match event {
                ProviderEvent::Text(text) => Some(text),
                _ => None,
            })
            .collect();
        assert_eq!(said, text);
    }

    #[tokio::test]
    async fn a_limit_of_tokens_cuts_the_echo_and_says_so() {
        let events = events(EchoProvider::default(), request("one two three", Some(2))).await;
        assert_eq!(events[0], ProviderEvent::Text("one ".to_owned()));
        assert_eq!(events[2], ProviderEvent::Finished(FinishReason::Length));
        assert!(matches!(events[3], ProviderEvent::Usage(Usage { output_tokens: 2, .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn the_delays_are_kept() {
        let started = tokio::time::Instant::now();
        let echo = EchoProvider::new(Duration::from_secs(2), Duration::from_secs(1));
        events(echo, request("one two three", None)).await;
        assert_eq!(started.elapsed(), Duration::from_secs(4));
    }
}
