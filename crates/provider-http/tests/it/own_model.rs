use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use loquat_domain::{Role, Usage};
use loquat_provider::{
    AnswerStream, ChatProvider, ChatRequest, FinishReason, ProviderError, ProviderEvent,
};

/// A model that repeats, word by word and aloud, what the user said last.
pub struct Loud;

#[async_trait]
impl ChatProvider for Loud {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let mut asked = request.input.iter().rev().filter(|it| it.role() == Some(Role::User));
        let text = asked.next().map(|item| item.texts().concat()).unwrap_or_default();
        let mut words: Vec<String> =
            text.split_inclusive(' ').map(str::to_uppercase).filter(|it| !it.is_empty()).collect();

        let most = request.settings.max_output_tokens.and_then(|it| usize::try_from(it).ok());
        let reason = match most {
            Some(most) if words.len() > most => FinishReason::Length,
            _ => FinishReason::Stop,
        };
        words.truncate(most.unwrap_or(usize::MAX));
        let count = |words: usize| u64::try_from(words).unwrap_or(u64::MAX);
        let usage = Usage {
            input_tokens: count(text.split(' ').count()),
            output_tokens: count(words.len()),
            ..Usage::default()
        };

        // Whoever has to wait for the next word awaits it here: an answer that is dropped is
        // dropped with whatever it waits for.
        let words = stream::iter(words).then(async |word| Ok(ProviderEvent::Text(word)));
        let end = [ProviderEvent::Finished(reason), ProviderEvent::Usage(usage)].map(Ok);
        Ok(words.chain(stream::iter(end)).boxed())
    }
}
