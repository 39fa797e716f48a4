//! How much of what was planted in made dialogues search brings back.

use loquat_context::{Entry, Estimate, Query, TokenCounter as _, index, search};
use loquat_domain::{ItemContent, Message};
use loquat_testkit::dialogues::{Category, Dialogue, Question, Recall, dialogue, recall, written};

/// Turns a segment, as jobs make them.
const SEGMENT: usize = 256;

fn segments(dialogue: &Dialogue) -> Vec<Vec<u8>> {
    let mut session = 0;
    let entries: Vec<Entry<'_>> = (0..)
        .zip(&dialogue.messages)
        .map(|(position, said)| {
            let starts_session = std::mem::replace(&mut session, said.session) != said.session;
            Entry { position, starts_session, author: Some(said.author), text: &said.text }
        })
        .collect();
    entries.chunks(SEGMENT).map(|chunk| index(chunk.iter().copied())).collect()
}

/// What the best turns say, as many as fit.
fn found<'a>(
    dialogue: &'a Dialogue,
    question: &Question,
    segments: &[&[u8]],
    mut budget: u32,
) -> Vec<&'a str> {
    let search = search(&Query::of(&question.text), segments, 1_000).unwrap();
    let mut included = Vec::new();
    for hit in search.hits {
        let said = &dialogue.messages[usize::try_from(hit.position).unwrap()];
        let content = ItemContent::Message(Message::text(said.role, said.text.clone()));
        let Some(left) = budget.checked_sub(Estimate.item(&content)) else { break };
        budget = left;
        included.push(said.id.as_str());
    }
    included
}

fn measured(dialogues: &[Dialogue], budget: u32) -> Recall {
    let mut sum = Recall::default();
    for dialogue in dialogues {
        let segments = segments(dialogue);
        let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
        sum.add(&recall(
            dialogue
                .questions
                .iter()
                .map(|question| (question, found(dialogue, question, &segments, budget))),
        ));
    }
    sum
}

/// Half of the planted facts share no word with their question, so that these are floors against
/// loss, not what real dialogues give.
#[test]
fn most_of_what_was_planted_is_found_again() {
    let made: Vec<Dialogue> = (1..=6).map(|seed| dialogue(seed, 600)).collect();
    let (small, large) = (measured(&made, 1_024), measured(&made, 8_192));
    assert!(small.percent() > 45.0, "{small:?}");
    assert!(small.percent_of(Category::Time) > 85.0, "{small:?}");
    assert!(large.percent() > 80.0, "{large:?}");
}

/// Of two to three thousand tokens, a twentieth, a fifth and two fifths: for a conversation of
/// twenty thousand, these would be the budgets of 1,024, 4,096 and 8,192.
#[test]
fn most_of_what_people_would_ask_is_found_in_a_small_part() {
    let dialogues = written();
    let percent = [150, 600, 1_200].map(|budget| measured(&dialogues, budget).percent());
    let [twentieth, fifth, two_fifths] = percent;
    assert!(twentieth > 64.0 && fifth > 84.0 && two_fifths > 92.0, "{percent:?}");
}

#[test]
fn a_turn_takes_few_bytes_of_an_index() {
    let dialogue = dialogue(3, 2_000);
    let bytes: usize = segments(&dialogue).iter().map(Vec::len).sum();
    assert!(bytes < 60 * dialogue.messages.len(), "{bytes}");
}
