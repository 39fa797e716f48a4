use loquat_domain::{
    CounterId, FunctionCall, FunctionCallOutput, Item, ItemId, ItemStatus, Message, Role, Timestamp,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{Estimate, NewTurn, Window, plan};

#[derive(Debug, Clone)]
enum Entry {
    Said(u32),
    Call(u8, u32),
    Output(u8, u32),
}

fn history(entries: &[Entry]) -> Vec<StoredItem> {
    entries
        .iter()
        .zip(0_i64..)
        .map(|(entry, at)| {
            let (content, tokens) = match entry {
                Entry::Said(tokens) => {
                    (ItemContent::Message(Message::text(Role::User, format!("{at}"))), *tokens)
                }
                Entry::Call(id, tokens) => (call(*id), *tokens),
                Entry::Output(id, tokens) => (output(*id), *tokens),
            };
            let id = ItemId::from_uuid(Uuid::from_u64_pair(0, at.unsigned_abs() + 1));
            StoredItem {
                position: at,
                item: Item {
                    id,
                    response: None,
                    content,
                    status: ItemStatus::Completed,
                    tokens,
                    counter: CounterId::ESTIMATE,
                    created_at: Timestamp::from_micros(0),
                },
            }
        })
        .collect()
}

fn call(id: u8) -> ItemContent {
    ItemContent::FunctionCall(FunctionCall {
        call_id: format!("call_{id}"),
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
    })
}

fn output(id: u8) -> ItemContent {
    ItemContent::FunctionCallOutput(FunctionCallOutput {
        call_id: format!("call_{id}"),
        output: "done".to_owned(),
    })
}

fn need(history_tokens: u32, truncation: Truncation) -> Need {
    let window = Window { context_window: history_tokens + 3 + 64, reserved_output: 0 };
    let spare = window.max_input() - history_tokens;
    plan(window, NewTurn { input: spare, input_items: 1, ..NewTurn::default() }, truncation)
        .unwrap()
}

fn run(entries: &[Entry], budget: u32, input: Vec<ItemContent>) -> Result<Prompt, ContextError> {
    let mut items = history(entries);
    items.reverse();
    let loaded = Loaded { history: items, reached_root: true };
    build(&need(budget, Truncation::Auto), loaded, input, &Estimate)
}

fn hello() -> Vec<ItemContent> {
    vec![ItemContent::Message(Message::text(Role::User, "hello"))]
}

#[test]
fn the_newest_items_that_fit_are_sent_oldest_first() {
    let prompt = run(&[Entry::Said(10), Entry::Said(10), Entry::Said(10)], 25, hello()).unwrap();
    let texts: Vec<_> = prompt.input.iter().flat_map(ItemContent::texts).collect();
    assert_eq!(texts, ["1", "2", "hello"]);
    assert_eq!(prompt.receipt.dropped.len(), 1);
    assert!(!prompt.receipt.whole_history);
}

#[test]
fn parallel_calls_go_out_together_when_one_of_them_does_not_fit() {
    let entries = [
        Entry::Call(1, 10),
        Entry::Call(2, 10),
        Entry::Output(1, 10),
        Entry::Output(2, 10),
        Entry::Said(10),
    ];
    let prompt = run(&entries, 45, hello()).unwrap();
    let texts: Vec<_> = prompt.input.iter().flat_map(ItemContent::texts).collect();
    assert_eq!(texts, ["4", "hello"]);
}

#[test]
fn an_output_whose_call_was_deleted_is_left_out_by_itself() {
    let entries = [Entry::Said(1), Entry::Output(9, 1), Entry::Said(1)];
    let prompt = run(&entries, 100, hello()).unwrap();
    assert_eq!(prompt.input.len(), 3);
    assert_eq!(prompt.receipt.dropped[0].why, "its function call is gone");
}

#[test]
fn a_call_that_was_never_answered_does_not_block_the_conversation() {
    let entries = [Entry::Said(1), Entry::Call(1, 1), Entry::Call(2, 1), Entry::Output(1, 1)];
    let prompt = run(&entries, 100, hello()).unwrap();
    assert_eq!(prompt.input.len(), 4, "the answered call and its output stay");
    assert_eq!(prompt.receipt.dropped[0].why, "its function call was never answered");
    assert!(run(&entries, 100, vec![output(2)]).unwrap().receipt.dropped.is_empty());
}

#[test]
fn a_history_of_interlocked_calls_is_cut_in_one_pass() {
    // Each output answers the call before the last one: no cut but the very end separates none.
    let mut entries = vec![Entry::Call(0, 1)];
    for at in 1..=200_u8 {
        entries.extend([Entry::Call(at, 1), Entry::Output(at - 1, 1)]);
    }
    let prompt = run(&entries, 400, hello()).unwrap();
    assert_eq!(prompt.input.len(), 1);
}

#[test]
fn a_new_output_needs_its_call_in_the_history() {
    assert!(run(&[Entry::Call(1, 1)], 100, vec![output(1)]).is_ok());
    assert_eq!(
        run(&[Entry::Call(1, 1)], 100, vec![output(2)]),
        Err(ContextError::UnknownCall { index: 0 })
    );
    let does_not_fit = run(&[Entry::Call(1, 50), Entry::Said(60)], 100, vec![output(1)]);
    assert!(matches!(does_not_fit, Err(ContextError::TooLarge { .. })));
}

#[test]
fn disabled_truncation_refuses_what_does_not_fit_whole() {
    let loaded = Loaded { history: history(&[Entry::Said(50)]), reached_root: false };
    let refused = build(&need(100, Truncation::Disabled), loaded, hello(), &Estimate);
    assert!(matches!(refused, Err(ContextError::TooLarge { .. })));
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = prop_oneof![
        (0..400_u32).prop_map(Entry::Said),
        (0..6_u8, 0..50_u32).prop_map(|(id, tokens)| Entry::Call(id, tokens)),
        (0..6_u8, 0..200_u32).prop_map(|(id, tokens)| Entry::Output(id, tokens)),
    ];
    proptest::collection::vec(entry, 0..40)
}

proptest! {
    #[test]
    fn a_prompt_never_exceeds_the_budget_and_its_receipt_adds_up(
        entries in entries(), budget in 0..2_000_u32,
    ) {
        let prompt = run(&entries, budget, hello()).unwrap();
        let sum: u32 = prompt.receipt.sections.iter().map(|section| section.tokens).sum();
        prop_assert_eq!(sum, prompt.receipt.used);
        prop_assert!(prompt.receipt.used <= prompt.receipt.max_input);
        prop_assert_eq!(prompt.input.len() - 1 + prompt.receipt.dropped.len(), entries.len());
    }

    #[test]
    fn every_output_in_a_prompt_follows_its_call(
        entries in entries(), budget in 0..2_000_u32,
    ) {
        let prompt = run(&entries, budget, hello()).unwrap();
        let mut calls = HashSet::new();
        for content in &prompt.input {
            match content {
                ItemContent::FunctionCall(call) => { calls.insert(call.call_id.clone()); }
                ItemContent::FunctionCallOutput(output) => {
                    prop_assert!(calls.contains(&output.call_id));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_call_in_a_prompt_is_answered(entries in entries(), budget in 0..2_000_u32) {
        let prompt = run(&entries, budget, hello()).unwrap();
        let mut outputs = HashSet::new();
        for content in prompt.input.iter().rev() {
            match content {
                ItemContent::FunctionCallOutput(output) => {
                    outputs.insert(output.call_id.clone());
                }
                ItemContent::FunctionCall(call) => {
                    prop_assert!(outputs.contains(&call.call_id));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_larger_budget_never_drops_what_a_smaller_one_kept(
        entries in entries(), budget in 0..1_000_u32, more in 0..1_000_u32,
    ) {
        let small = run(&entries, budget, hello()).unwrap();
        let large = run(&entries, budget + more, hello()).unwrap();
        prop_assert!(small.input.len() <= large.input.len());
    }

    #[test]
    fn the_same_input_gives_the_same_prompt(entries in entries(), budget in 0..1_000_u32) {
        prop_assert_eq!(run(&entries, budget, hello()), run(&entries, budget, hello()));
    }
}
