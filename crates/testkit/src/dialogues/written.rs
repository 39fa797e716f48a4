//! Dialogues that were written by hand.

use loquat_domain::Role;

use super::{BEGINNING, Category, DAY, Dialogue, MINUTE, Question, Said};

/// Each a run of sessions behind `=`, lines `author|text [key]`, and behind `==` the questions,
/// `category|text|keys of the evidence`.
const TEXTS: [&str; 2] = [include_str!("written/workshop.txt"), include_str!("written/novel.txt")];

/// Days between two sessions.
const PAUSE: i64 = 23 * DAY;

/// Two dialogues of some hundred messages that were written by hand, with a question for every
/// other message: closer to how people talk than [`dialogue`](super::dialogue), but short, so that
/// budgets should be small in proportion.
///
/// # Panics
///
/// Never: the texts are part of this crate and tested.
#[expect(clippy::expect_used, reason = "the texts are part of this crate and tested")]
pub fn written() -> Vec<Dialogue> {
    TEXTS.iter().map(|text| read(text).expect("the text is well formed")).collect()
}

fn read(text: &'static str) -> Option<Dialogue> {
    let (said, asked) = text.split_once("\n==\n")?;
    let (mut messages, mut keys) = (Vec::new(), Vec::new());
    let (mut session, mut turn, mut at) = (0, 0, BEGINNING);
    for line in said.lines() {
        if line == "=" {
            session += 1;
            turn = 0;
            at += PAUSE;
            continue;
        }
        let (author, text) = line.split_once('|')?;
        turn += 1;
        at += MINUTE;
        let id = format!("s{session}-{turn}");
        let text = match text.rsplit_once(" [") {
            Some((text, key)) => {
                keys.push((key.strip_suffix(']')?, id.clone()));
                text
            }
            None => text,
        };
        let role = if author == "Nadia" { Role::User } else { Role::Assistant };
        messages.push(Said { id, session, at, author, role, text: text.to_owned() });
    }
    let evidence =
        |key: &str| keys.iter().find(|(known, _)| *known == key).map(|(_, id)| id.clone());
    let questions = (1..)
        .zip(asked.lines())
        .map(|(number, line)| {
            let (category, rest) = line.split_once('|')?;
            let (text, keys) = rest.rsplit_once('|')?;
            let category = match category {
                "single" => Category::Single,
                "time" => Category::Time,
                "joined" => Category::Joined,
                _ => return None,
            };
            let evidence = keys.split(',').map(evidence).collect::<Option<_>>()?;
            Some(Question { id: format!("q{number}"), text: text.to_owned(), evidence, category })
        })
        .collect::<Option<_>>()?;
    Some(Dialogue { messages, questions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_written_dialogue_is_understood() {
        let dialogues = written();
        let sizes: Vec<_> =
            dialogues.iter().map(|it| (it.messages.len(), it.questions.len())).collect();
        assert_eq!(sizes, [(152, 80), (99, 57)]);
        for said in dialogues.iter().flat_map(|it| &it.messages) {
            assert!(!said.text.contains(['|', '[']), "{said:?}");
        }
    }
}
