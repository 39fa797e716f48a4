//! How much is done for a prompt does not grow with the conversation.

use std::cell::Cell;

use loquat_context::{Hit, ModelWindow, Need, Policy};
use loquat_domain::{ItemContent, Message, Role};

use crate::{
    engine::{Count, Engine as _, Real, texts_counted},
    journey::{ask, store::Store, take},
};

/// Items that are read and texts that are counted for a prompt at the end of so many messages, the
/// first time and when the window is known.
fn work(messages: usize, policy: Policy) -> [(usize, u64); 2] {
    let mut store = Store::default();
    for at in 0..messages {
        let role = if at % 2 == 0 { Role::User } else { Role::Assistant };
        let text = format!("The harbour and the lantern, for the {at:06}th time.");
        store.append(ItemContent::Message(Message::text(role, text)), &Count::Estimate);
    }
    [(); 2].map(|()| {
        let model = ModelWindow {
            model: "small".to_owned(),
            context_window: 8_192,
            reserved_output: 512,
            exact: true,
        };
        let message = Message::text(Role::User, "Do you remember the harbour and the lantern?");
        let input = vec![ItemContent::Message(message)];
        let ask = ask((policy, model, Count::Estimate), (0, 0), input);
        let read = Cell::new(0);
        let load = |need: &Need| {
            let mut loaded = store.load(need, &[]);
            // As many candidates as are asked for, whatever an index would say.
            loaded.found = store.items.iter().take(need.candidates).cloned().collect();
            loaded.hits = (loaded.found.iter())
                .map(|stored| Hit { position: stored.position, score: 9, terms: 2 })
                .collect();
            loaded.known_terms = 2;
            read.set(loaded.history.len() + loaded.found.len());
            loaded
        };
        let state = store.state();
        let taken = take(&Real, &store, ask.clone(), Vec::new(), None);
        let (prompt, counted) = texts_counted(|| Real.prompt(ask, &state, &load));
        assert!(prompt.is_ok() && taken.result.is_ok());
        if let Some(state) = &prompt.unwrap().change {
            store.change(store.version, state);
        }
        (read.get(), counted)
    })
}

#[test]
fn a_hundred_thousand_messages_are_no_more_work_than_a_thousand() {
    let few = work(1_000, Policy::balanced());
    assert_eq!(few, work(100_000, Policy::balanced()));
    let [(first, _), (then, _)] = few;
    assert!(then < first, "once the window is known, less is read: {then}, {first}");
}

#[test]
fn the_last_messages_of_a_hundred_thousand_are_no_more_work_than_of_a_thousand() {
    assert_eq!(work(1_000, Policy::last(20)), work(100_000, Policy::last(20)));
}
