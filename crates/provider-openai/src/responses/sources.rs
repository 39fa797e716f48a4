//! Where an answer's texts are taken from.
//!
//! The wire says each text up to five times: piece by piece, whole at its end, within its part, within
//! its item and within the response. Most servers send all of it, some leave out the pieces or
//! everything but the items, and not every one numbers items and parts alike in all places. So each
//! kind of text is taken from whatever says it first, and from there only.

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Text,
    Refusal,
    Thoughts,
    Summary,
    Arguments,
    Seal,
}

/// Who tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The pieces, as they are made.
    Delta,
    /// The end of a text.
    Part,
    /// The end of an item.
    Item,
    /// The end of the response.
    Response,
}

/// The sources of one answer.
#[derive(Debug, Default)]
pub(super) struct Sources([Option<Source>; 6]);

impl Sources {
    /// True when this is where texts of this kind are taken from.
    pub(super) fn tells(&mut self, told: Told, source: Source) -> bool {
        let [text, refusal, thoughts, summary, arguments, seal] = &mut self.0;
        let first = match told {
            Told::Text => text,
            Told::Refusal => refusal,
            Told::Thoughts => thoughts,
            Told::Summary => summary,
            Told::Arguments => arguments,
            Told::Seal => seal,
        };
        *first.get_or_insert(source) == source
    }

    /// True as long as nothing was told.
    pub(super) fn are_silent(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}
