//! What a prompt says, and in which order.

use std::collections::HashSet;

use loquat_context::{ContextError, TokenCounter as _};
use loquat_domain::{ItemContent, Message, Role, StoredItem, Truncation};

use super::{
    Broken,
    budget::budget,
    holds,
    view::{View, is_sent_as},
};
use crate::journey::Taken;

pub(crate) fn lead_is_first(taken: &Taken<'_>) -> Result<(), Broken> {
    let Some(view) = View::of(taken) else { return Ok(()) };
    for (at, stored) in taken.store.lead().iter().enumerate() {
        let sent = view.prompt.input.get(at);
        holds!(sent == Some(&stored.item.content), "item {at} of the lead is {sent:?}");
    }
    let dropped = view.dropped();
    for stored in &view.loaded.pinned {
        let is_there = view.prompt.input.iter().any(|sent| is_sent_as(&stored.item.content, sent));
        let id = stored.item.public_id();
        holds!(is_there || dropped.contains(id.as_str()), "{id} is pinned");
    }
    Ok(())
}

pub(crate) fn newest_is_whole(taken: &Taken<'_>) -> Result<(), Broken> {
    let prompt = match &taken.result {
        Ok(prompt) => prompt,
        Err(error) => return error_is_true(taken, *error),
    };
    let input = &taken.ask.input;
    let at = prompt.input.len().checked_sub(input.len()).ok_or("new items are missing")?;
    let asks = input.iter().rposition(|content| content.role() == Some(Role::User));
    for (index, (content, sent)) in input.iter().zip(&prompt.input[at..]).enumerate() {
        let without = match sent {
            ItemContent::Message(message)
                if asks == Some(index) && !prompt.receipt.recalled.is_empty() =>
            {
                // The quotation is the first part.
                let parts = message.parts[1..].to_vec();
                &ItemContent::Message(Message { parts, ..message.clone() })
            }
            sent => sent,
        };
        holds!(is_sent_as(content, without), "new item {index} is {sent:?}");
    }
    Ok(())
}

fn error_is_true(taken: &Taken<'_>, error: ContextError) -> Result<(), Broken> {
    let answers = |content: &ItemContent| match content {
        ItemContent::FunctionCallOutput(output) => Some(output.call_id.clone()),
        _ => None,
    };
    match error {
        ContextError::TooLarge { what, tokens, budget: of } => {
            holds!(tokens > of, "{what} of {tokens} tokens do fit {of}");
            let counter = taken.ask.counter;
            let beside = taken
                .store
                .lead()
                .into_iter()
                .chain(taken.needed.iter().flat_map(|(_, loaded)| loaded.pinned.clone()));
            let beside: u32 = beside.map(|stored| counter.stored(&stored.item)).sum();
            let turn = &taken.ask.turn;
            let fixed = turn.instructions + turn.tools + turn.input + beside;
            let is_answer = taken.ask.input.iter().any(|content| answers(content).is_some());
            let may = is_answer || taken.ask.truncation == Truncation::Disabled;
            let budget = budget(taken);
            holds!(may || fixed > budget, "{what}: {fixed} of {budget} tokens must be sent");
        }
        ContextError::UnknownCall { index } => {
            let Some(id) = taken.ask.input.get(index).and_then(answers) else {
                return Err(format!("item {index} is no output"));
            };
            let (_, loaded) = taken.needed.as_ref().ok_or("nothing was loaded")?;
            let known = loaded.history.iter().take_while(|stored| {
                let anchor = taken.state.anchor.filter(|_| taken.is_anchored());
                !matches!(stored.item.content, ItemContent::Compaction(_))
                    && anchor.is_none_or(|anchor| stored.position >= anchor)
            });
            let mut calls = known.filter_map(|stored| match &stored.item.content {
                ItemContent::FunctionCall(call) => Some(&call.call_id),
                _ => None,
            });
            holds!(!calls.any(|call| *call == id), "the call {id} is in the window");
        }
    }
    Ok(())
}

pub(crate) fn groups_are_whole(taken: &Taken<'_>) -> Result<(), Broken> {
    let Some(view) = View::of(taken) else { return Ok(()) };
    let mut known = HashSet::new();
    let mut open = HashSet::new();
    let old = view.prompt.input.len() - taken.ask.input.len();
    for (at, content) in view.prompt.input.iter().enumerate() {
        match content {
            ItemContent::FunctionCall(call) => {
                known.insert(&call.call_id);
                holds!(open.insert(&call.call_id), "{} is not answered", call.call_id);
            }
            ItemContent::FunctionCallOutput(output) => {
                holds!(known.contains(&output.call_id), "{} was not called", output.call_id);
                open.remove(&output.call_id);
            }
            ItemContent::Reasoning(thought) if at < old => {
                let led_to = match view.prompt.input.get(at + 1) {
                    Some(ItemContent::Message(message)) => message.role == Role::Assistant,
                    Some(ItemContent::FunctionCall(_) | ItemContent::Reasoning(_)) => true,
                    _ => false,
                };
                holds!(led_to, "{:?} has led to nothing", thought.text);
            }
            _ => {}
        }
    }
    holds!(open.is_empty(), "{open:?} are not answered");
    Ok(())
}

pub(crate) fn order_is_the_stores(taken: &Taken<'_>) -> Result<(), Broken> {
    let Some(view) = View::of(taken) else { return Ok(()) };
    let receipt = &view.prompt.receipt;
    let window = view.sent_window();
    let (lead, pinned) = (view.items(&receipt.lead)?, view.items(&receipt.pinned)?);
    let opening = view.items(view.opening())?;
    let recalled: Vec<String> = receipt.recalled.iter().map(|it| it.item.clone()).collect();
    let recalled = view.items(&recalled)?;

    let to = receipt.window.as_ref().and_then(|window| window.to.as_ref());
    let newest = view.history.last().map(|stored| stored.item.public_id());
    holds!(to.is_none() || to == newest.as_ref(), "the window ends with {to:?}, not {newest:?}");

    let mut ids = HashSet::new();
    for stored in [&lead, &pinned, &opening, &window, &recalled].into_iter().flatten() {
        holds!(ids.insert(stored.item.id), "{} is sent twice", stored.item.public_id());
    }
    for run in [&lead, &opening.iter().chain(&window).copied().collect()] {
        holds!(run.is_sorted_by_key(|stored| stored.position), "the order is not the stored one");
    }
    let day = |stored: &&StoredItem| {
        let at = stored.item.created_at.as_secs().div_euclid(86_400);
        (at, stored.position)
    };
    let undated = |stored: &&StoredItem| (0, stored.position);
    let by_day = recalled.is_sorted_by_key(day) || recalled.is_sorted_by_key(undated);
    holds!(by_day, "the quotations are not in order");

    let mut expected: Vec<&ItemContent> =
        lead.iter().chain(&pinned).map(|stored| &stored.item.content).collect();
    expected.extend(view.summary());
    expected.extend(opening.iter().chain(&window).map(|stored| &stored.item.content));
    let stable = view.prompt.stable_items();
    holds!(expected.len() == stable, "{stable} items are said to be stable: {}", expected.len());
    for (at, content) in expected.into_iter().enumerate() {
        let sent = &view.prompt.input[at];
        holds!(is_sent_as(content, sent), "item {at} is {sent:?}, not {content:?}");
    }
    let all = stable + taken.ask.input.len();
    holds!(view.prompt.input.len() == all, "{} of {all} items", view.prompt.input.len());
    Ok(())
}

pub(crate) fn user_comes_first(taken: &Taken<'_>) -> Result<(), Broken> {
    let Some(view) = View::of(taken) else { return Ok(()) };
    let receipt = &view.prompt.receipt;
    let first = view.prompt.input.get(receipt.lead.len() + receipt.pinned.len());
    let is_new = view.prompt.stable_items() == receipt.lead.len() + receipt.pinned.len();
    if is_new || first.is_some_and(|content| content.role() == Some(Role::User)) {
        return Ok(());
    }
    let at = view.window_at();
    if at == 0 && view.loaded.reached_root {
        return Ok(());
    }
    // Then it is the middle of a turn that was not read from its beginning.
    let anchor = taken.state.anchor.unwrap_or(i64::MIN);
    for index in (0..at).filter(|index| view.begins_turn(*index)) {
        holds!(view.history[index].position < anchor, "{first:?} comes first");
    }
    Ok(())
}
