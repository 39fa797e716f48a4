//! The labelled prompts, read.

use loquat_domain::{ItemContent, Message, Role, Settings};
use loquat_provider::ChatRequest;
use loquat_provider_router::Complexity;

/// The score is tuned on these.
pub(crate) const TUNING: &str = include_str!("tuning.tsv");

/// Written before the score, which was not tuned on these.
pub(crate) const HELD_OUT: &str = include_str!("held_out.tsv");

/// Written against the score's first form: hard ones without its words, easy ones with them. What
/// they showed led to its second form, so that they are blind no more.
pub(crate) const CONTRARY: &str = include_str!("contrary.tsv");

/// Written when the score was done, as people write; nothing was changed afterwards.
pub(crate) const FRESH: &str = include_str!("fresh.tsv");

/// A prompt and what a person thinks of it.
pub(crate) struct Labelled {
    pub(crate) is_hard: bool,
    pub(crate) language: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

impl Labelled {
    pub(crate) fn request(&self) -> ChatRequest {
        let input = vec![ItemContent::Message(Message::text(Role::User, self.text.as_str()))];
        ChatRequest::new("auto", Settings::default(), input)
    }

    pub(crate) fn complexity(&self) -> Complexity {
        Complexity::of(&self.request())
    }
}

/// The prompts of one part: a line each of label, language, kind and text, parted by tabs.
pub(crate) fn prompts(part: &'static str) -> Vec<Labelled> {
    part.lines()
        .map(|line| {
            let mut fields = line.splitn(4, '\t');
            let mut field = || fields.next().unwrap_or_default();
            let (label, language, kind) = (field(), field(), field());
            let text = field().replace("\\n", "\n");
            Labelled { is_hard: label == "hard", language, kind, text }
        })
        .collect()
}
