//! What the complexity score is worth on the labelled prompts. The floors lie a little below what
//! `--example score` finds, so that a change of a word does not pass unseen.

use loquat_provider_router::Complexity;

use crate::set::{CONTRARY, FRESH, HELD_OUT, TUNING, prompts};

fn accuracy(part: &'static str) -> f64 {
    let prompts = prompts(part);
    let is_right =
        |complexity: Complexity, is_hard: bool| is_hard == (complexity.score() >= Complexity::HARD);
    let right = prompts.iter().filter(|it| is_right(it.complexity(), it.is_hard)).count();
    let share = |count: usize| f64::from(u32::try_from(count).unwrap());
    share(right) / share(prompts.len())
}

#[test]
fn the_set_is_large_and_of_many_languages_and_kinds() {
    let all: Vec<_> = [TUNING, HELD_OUT, CONTRARY, FRESH].into_iter().flat_map(prompts).collect();
    assert!(all.len() >= 500, "{}", all.len());
    let different = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.dedup();
        names.len()
    };
    assert!(different(all.iter().map(|it| it.language).collect()) >= 9);
    assert!(different(all.iter().map(|it| it.kind).collect()) >= 20);
    assert_eq!(different(all.iter().map(|it| it.text.as_str()).collect()), all.len());
}

#[test]
fn of_the_prompts_that_it_was_tuned_on_it_tells_most_apart() {
    assert!(accuracy(TUNING) >= 0.97, "{}", accuracy(TUNING));
}

#[test]
fn of_the_prompts_that_were_held_out_it_tells_most_apart() {
    assert!(accuracy(HELD_OUT) >= 0.97, "{}", accuracy(HELD_OUT));
}

#[test]
fn of_fresh_prompts_it_tells_nine_in_ten_apart() {
    assert!(accuracy(FRESH) >= 0.90, "{}", accuracy(FRESH));
}

#[test]
fn of_prompts_that_were_written_against_it_it_tells_three_in_four_apart() {
    assert!(accuracy(CONTRARY) >= 0.75, "{}", accuracy(CONTRARY));
}
