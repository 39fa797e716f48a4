//! A prompt, and what it was made of.

use std::collections::HashSet;

use loquat_context::{Loaded, Prompt, SectionKind, TokenCounter as _, unseal};
use loquat_domain::{ItemContent, Role, StoredItem};

use crate::journey::Taken;

/// A prompt beside what was loaded for it.
pub(crate) struct View<'a> {
    pub(crate) taken: &'a Taken<'a>,
    pub(crate) prompt: &'a Prompt,
    pub(crate) loaded: &'a Loaded,
    /// What was read of the branch, oldest first, without what the operator began it with.
    pub(crate) history: Vec<&'a StoredItem>,
    /// What the operator began it with.
    pub(crate) lead: Vec<&'a StoredItem>,
}

impl<'a> View<'a> {
    /// `None` when there is no prompt.
    pub(crate) fn of(taken: &'a Taken<'a>) -> Option<Self> {
        let prompt = taken.result.as_ref().ok()?;
        let (_, loaded) = taken.needed.as_ref()?;
        let mut history: Vec<&StoredItem> = loaded.history.iter().rev().collect();
        let lead = if loaded.reached_root {
            let lead = history.iter().take(Loaded::MOST_LEAD).take_while(|it| is_operators(it));
            let lead = lead.count();
            history.drain(..lead).collect()
        } else {
            history.retain(|stored| !loaded.lead.contains(stored));
            loaded.lead.iter().collect()
        };
        Some(Self { taken, prompt, loaded, history, lead })
    }

    /// The item of an id among all that was loaded.
    pub(crate) fn item(&self, id: &str) -> Option<&'a StoredItem> {
        let Loaded { history, lead, opening, pinned, found, .. } = self.loaded;
        let mut all = [history, lead, opening, pinned, found].into_iter().flatten();
        all.find(|stored| stored.item.public_id() == id)
    }

    /// The items of ids, in order.
    pub(crate) fn items(&self, ids: &[String]) -> Result<Vec<&'a StoredItem>, String> {
        let item = |id: &String| self.item(id).ok_or(format!("{id} was not loaded"));
        ids.iter().map(item).collect()
    }

    /// Index in the history of the window's first item; its length when the window is empty.
    pub(crate) fn window_at(&self) -> usize {
        let from = self.prompt.receipt.window.as_ref().and_then(|window| window.from.as_ref());
        let is_first = |stored: &&StoredItem| from.is_some_and(|id| stored.item.public_id() == *id);
        self.history.iter().position(is_first).unwrap_or(self.history.len())
    }

    /// The window's run of items, as it is stored.
    pub(crate) fn window(&self) -> &[&'a StoredItem] {
        &self.history[self.window_at()..]
    }

    pub(crate) fn opening(&self) -> &[String] {
        let window = self.prompt.receipt.window.as_ref();
        window.map_or(&[], |window| &window.opening)
    }

    pub(crate) fn dropped(&self) -> HashSet<&str> {
        self.prompt.receipt.dropped.iter().map(|dropped| dropped.item.as_str()).collect()
    }

    /// The window without what cannot be sent.
    pub(crate) fn sent_window(&self) -> Vec<&'a StoredItem> {
        let dropped = self.dropped();
        let window = self.window().iter().copied();
        window.filter(|stored| !dropped.contains(stored.item.public_id().as_str())).collect()
    }

    /// Everything of the conversation that the prompt tells of.
    pub(crate) fn kept(&self) -> HashSet<String> {
        let receipt = &self.prompt.receipt;
        let window = self.sent_window().into_iter().map(|stored| stored.item.public_id());
        let recalled = receipt.recalled.iter().map(|recalled| recalled.item.clone());
        let ids = [&receipt.lead[..], &receipt.pinned, self.opening()].into_iter().flatten();
        ids.cloned().chain(window).chain(recalled).collect()
    }

    /// True when a turn begins with this item of the history: not with a message beside an open call.
    pub(crate) fn begins_turn(&self, index: usize) -> bool {
        let output = |content: &'a ItemContent| match content {
            ItemContent::FunctionCallOutput(output) => Some(&output.call_id),
            _ => None,
        };
        let after = self.history[index..].iter().map(|stored| &stored.item.content);
        let answered: HashSet<&String> =
            after.chain(&self.taken.ask.input).filter_map(output).collect();
        let is_open = self.history[..index].iter().any(|stored| match &stored.item.content {
            ItemContent::FunctionCall(call) => answered.contains(&call.call_id),
            _ => false,
        });
        begins(self.history[index]) && !is_open
    }

    /// True for an output in the history without its call.
    pub(crate) fn is_orphan(&self, index: usize) -> bool {
        let ItemContent::FunctionCallOutput(output) = &self.history[index].item.content else {
            return false;
        };
        !self.history[..index].iter().any(|stored| match &stored.item.content {
            ItemContent::FunctionCall(call) => call.call_id == output.call_id,
            _ => false,
        })
    }

    pub(crate) fn tokens(&self, stored: &StoredItem) -> u32 {
        self.taken.ask.counter.stored(&stored.item)
    }

    pub(crate) fn section(&self, kind: SectionKind) -> u32 {
        let sections = self.prompt.receipt.sections.iter();
        sections.filter(|section| section.kind == kind).map(|section| section.tokens).sum()
    }

    /// The summary as it is sent.
    pub(crate) fn summary(&self) -> Option<&'a ItemContent> {
        let receipt = &self.prompt.receipt;
        let sent = receipt.summary.as_ref().is_some_and(|summary| summary.sent);
        sent.then(|| &self.prompt.input[receipt.lead.len() + receipt.pinned.len()])
    }
}

pub(crate) fn is_operators(stored: &StoredItem) -> bool {
    matches!(stored.item.content.role(), Some(Role::System | Role::Developer))
}

/// True for what a turn may begin with.
fn begins(stored: &StoredItem) -> bool {
    stored.item.content.role() == Some(Role::User)
        || matches!(stored.item.content, ItemContent::Compaction(_))
}

/// True when this is how the item is sent.
pub(crate) fn is_sent_as(content: &ItemContent, sent: &ItemContent) -> bool {
    match content {
        ItemContent::Compaction(compaction) => {
            let summary = unseal(compaction).unwrap_or_default();
            sent.role() == Some(Role::User) && sent.texts().concat().contains(&summary)
        }
        content => content == sent,
    }
}
