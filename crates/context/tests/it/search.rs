//! Search over segments: right, the same however turns are split, and safe with any bytes.

use loquat_context::{Entry, Hit, Query, SCORE_ONE, Search, index, search};
use proptest::prelude::*;

use crate::naive::{self, Turn};

/// Words of no language, names among them, that are neither stop words nor have endings.
const WORDS: [&str; 9] =
    ["bako", "dimu", "felo", "gurap", "hiko", "jovum", "kepa", "mirko", "zelda9"];

fn segment(turns: &[Turn]) -> Vec<u8> {
    let texts: Vec<String> = turns.iter().map(Turn::text).collect();
    index(turns.iter().zip(&texts).map(|(turn, text)| Entry {
        position: turn.position,
        starts_session: turn.starts_session,
        author: turn.author,
        text,
    }))
}

fn find(query: &str, segments: &[Vec<u8>], limit: usize) -> Search {
    let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
    search(&Query::of(query), &segments, limit).expect("the segments are whole")
}

fn positions(query: &str, texts: &[&str]) -> Vec<i64> {
    let entries = (0..).zip(texts).map(|(position, text)| Entry {
        position,
        starts_session: false,
        author: None,
        text,
    });
    find(query, &[index(entries)], 10).hits.iter().map(|hit| hit.position).collect()
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let word = prop::sample::select(WORDS.to_vec());
    let turn = (
        1_i64..5,
        prop::bool::weighted(0.2),
        prop::option::of(prop::sample::select(vec!["mirko", "kepa"])),
        prop::collection::vec(word, 0..7),
        any::<bool>(),
    );
    prop::collection::vec(turn, 1..24).prop_map(|turns| {
        let mut position = -7;
        turns
            .into_iter()
            .map(|(gap, starts_session, author, words, asks)| {
                position += gap;
                Turn { position, starts_session, author, words, asks }
            })
            .collect()
    })
}

fn query() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(WORDS.to_vec(), 1..4)
}

proptest! {
    /// Scores may differ in their last digit, and only turns whose scores do not differ otherwise
    /// may change places.
    #[test]
    fn an_index_finds_what_reading_everything_finds(turns in turns(), query in query()) {
        let expected = naive::search(&query, &turns);
        let found = find(&query.join(" "), &[segment(&turns)], usize::MAX).hits;
        prop_assert_eq!(found.len(), expected.len());
        for (hit, (_, score)) in found.iter().zip(&expected) {
            let same_turn = expected.iter().find(|(position, _)| *position == hit.position);
            let (_, its_score) = same_turn.expect("it has a score");
            let close = |score: f64| {
                (f64::from(hit.score) / f64::from(SCORE_ONE) - score).abs() < 2.0 / f64::from(SCORE_ONE)
            };
            prop_assert!(close(*its_score), "{hit:?}: {its_score}");
            prop_assert!(close(*score), "{hit:?}: {score}");
        }
    }

    #[test]
    fn how_turns_are_split_makes_no_difference(
        turns in turns(), query in query(), cuts in prop::collection::vec(0_usize..24, 0..4)
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(turns.len())).collect();
        cuts.extend([0, turns.len()]);
        cuts.sort_unstable();
        let split: Vec<Vec<u8>> =
            cuts.windows(2).map(|cut| segment(&turns[cut[0]..cut[1]])).collect();
        let query = query.join(" ");
        prop_assert_eq!(find(&query, &split, 9), find(&query, &[segment(&turns)], 9));
    }

    #[test]
    fn fewer_hits_are_the_best_of_more(turns in turns(), query in query(), limit in 0_usize..9) {
        let segments = [segment(&turns)];
        let query = query.join(" ");
        let mut all = find(&query, &segments, usize::MAX);
        all.hits.truncate(limit);
        prop_assert_eq!(find(&query, &segments, limit), all);
    }

    #[test]
    fn bytes_that_are_no_segment_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let whole = segment(&[]);
        let result = search(&Query::of("bako"), &[&whole, &bytes], 9);
        prop_assert_eq!(result.expect_err("it is none").segment, 1);
    }

    #[test]
    fn any_text_can_be_indexed_and_asked_for(text in "\\PC*", other in any::<String>()) {
        let entry = |position, text| Entry { position, starts_session: false, author: Some(text), text };
        let blob = index([entry(1, &text), entry(2, &other)]);
        for query in [&text, &other] {
            let query = Query::of(query);
            let found = search(&query, &[&blob], 9).expect("it is whole");
            prop_assert_eq!(found.known_terms, query.content_terms());
            prop_assert_eq!(found.hits.is_empty(), query.is_empty());
        }
    }
}

#[test]
fn other_forms_of_a_word_find_it() {
    let texts = ["We sold the boat.", "The children were asleep.", "I bought two paintings."];
    assert_eq!(positions("When did you buy the painting?", &texts).first(), Some(&2));
    assert_eq!(positions("Which child sleeps?", &texts).first(), Some(&1));
}

#[test]
fn a_kind_finds_what_is_of_it() {
    let texts = ["I like the rain.", "She plays the cello.", "We had soup.", "Good night."];
    assert_eq!(positions("What instrument is it?", &texts).first(), Some(&1));
}

#[test]
fn an_answer_is_found_by_its_question() {
    let texts = [
        "Which instrument do you play?",
        "The big brown one, and the small one on Sundays.",
        "Nice.",
        "So long then.",
        "Did you see the news?",
        "The mayor was there.",
        "And the fire brigade.",
    ];
    let found = positions("Tell me about the instrument you play", &texts);
    assert_eq!(&found[..2], [0, 1]);
}

#[test]
fn whoever_is_named_is_found_rather_than_who_is_spoken_to() {
    let said = |position, author, text| Entry {
        position,
        starts_session: position % 2 == 0,
        author: Some(author),
        text,
    };
    let blob = index([
        said(0, "Ann", "I went swimming yesterday, Bob."),
        said(2, "Bob", "I went swimming yesterday, Ann."),
        said(4, "Ann", "It rains."),
        said(6, "Bob", "It does."),
    ]);
    let best = |query: &str| find(query, std::slice::from_ref(&blob), 9).hits[0].position;
    assert_eq!(best("When did Ann go swimming?"), 0);
    assert_eq!(best("When did Bob go swimming?"), 2);
}

#[test]
fn nothing_is_borrowed_from_another_session() {
    let said =
        |position, text| Entry { position, starts_session: position == 1, author: None, text };
    let blob = index([said(0, "gurap"), said(1, "dimu"), said(2, "felo")]);
    let found = find("gurap", &[blob], 9);
    assert_eq!(found.hits.iter().map(|hit| hit.position).collect::<Vec<_>>(), [0]);
    assert_eq!((found.hits[0].terms, found.known_terms), (1, 1));
}

#[test]
fn equal_turns_come_latest_first() {
    assert_eq!(positions("gurap", &["gurap", "gurap"]), [1, 0]);
}

#[test]
fn a_message_without_content_finds_nothing() {
    let blob = index([Entry {
        position: 0,
        starts_session: true,
        author: None,
        text: "Hello, how are you?",
    }]);
    assert_eq!(find("Hello, how are you?", &[blob], 9), Search::default());
}

#[test]
fn segments_out_of_order_are_refused() {
    let at =
        |position| index([Entry { position, starts_session: false, author: None, text: "gurap" }]);
    let (one, two) = (at(1), at(2));
    let query = Query::of("gurap");
    assert!(search(&query, &[&one, &two], 9).is_ok());
    assert_eq!(search(&query, &[&two, &one], 9).unwrap_err().segment, 1);
    assert_eq!(search(&query, &[&one, &one], 9).unwrap_err().segment, 1);
}

#[test]
fn scores_are_the_same_everywhere() {
    let blob = index([
        Entry { position: 3, starts_session: true, author: Some("Ann"), text: "A dog barks." },
        Entry {
            position: 5,
            starts_session: false,
            author: Some("Bob"),
            text: "Two cats and a dog!",
        },
    ]);
    let found = find("Which dog did Ann see?", &[blob], 9);
    let hit = |position, score, terms| Hit { position, score, terms };
    assert_eq!(found.hits, [hit(3, 13_653, 2), hit(5, 7_111, 1)]);
}
