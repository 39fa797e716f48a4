//! The codes, and what the documentation says of them.

use std::collections::BTreeMap;

use loquat_domain::{FailureCode, IncompleteReason};
use loquat_http::ErrorCode;

const DOCUMENT: &str = include_str!("../../../../docs/errors.md");

/// First and second cell of every row of the table below a heading.
fn rows(heading: &str) -> BTreeMap<&'static str, &'static str> {
    let (_, section) = DOCUMENT.split_once(heading).expect("the section");
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.strip_suffix('`')?;
            assert!(cells.clone().all(|cell| !cell.trim_matches([' ', '|']).is_empty()), "{line}");
            Some((name, cells.next()?))
        })
        .collect()
}

#[test]
fn the_documentation_lists_every_code_with_its_status_and_no_other() {
    let documented: BTreeMap<_, _> =
        rows("## Codes").into_iter().map(|(code, status)| (code, status.to_owned())).collect();
    let known: BTreeMap<_, _> =
        ErrorCode::ALL.iter().map(|code| (code.as_str(), code.status().to_string())).collect();
    assert_eq!(documented, known);
}

#[test]
fn the_documentation_lists_every_way_in_which_a_turn_can_fail() {
    let documented = rows("## Codes");
    for code in FailureCode::ALL {
        assert!(documented.contains_key(code.as_str()), "{code}");
    }
}

#[test]
fn the_documentation_lists_every_reason_of_an_incomplete_answer_and_no_other() {
    let documented: Vec<_> = rows("## Reasons of incomplete answers").into_keys().collect();
    let mut known: Vec<_> = IncompleteReason::ALL.map(IncompleteReason::as_str).into();
    known.sort_unstable();
    assert_eq!(documented, known);
}
