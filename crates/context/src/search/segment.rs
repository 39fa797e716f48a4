//! What is kept of a run of turns: which terms each has, and where.
//!
//! Format 1, numbers as in `varint` unless their size is given:
//!
//! | part | content |
//! |---|---|
//! | version | one byte, 1 |
//! | counts | items, terms, bytes of postings |
//! | positions | of the first item as it is (zig-zag), of each further one its distance − 1 |
//! | items | for each, 4 × its length in terms, + 1 if it starts a session, + 2 if it asks |
//! | terms | for each, ascending: its hash, 4 bytes, little-endian |
//! | ends | for each term the end of its postings, 4 bytes, little-endian |
//! | postings | for each item that has the term: 2 × the distance from the last one − 1, + 1 if it has it more than once, and then how often − 2 |
//! | checksum | of all that, 4 bytes, little-endian |
//!
//! A turn takes some 40 bytes in a segment of 150, fewer in larger ones. Terms are found in the blob
//! itself: nothing is decoded that a query does not need but the items.

use std::collections::BTreeMap;

use super::{
    checksum::checksum,
    terms::{Term, authors, has_question_mark, spoken},
    varint::{read, unzigzag, write, zigzag},
};

const VERSION: u8 = 1;

/// A turn, as it is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its place in the conversation.
    pub position: i64,
    /// Whether it is the first after a pause: what is said in one session belongs together.
    pub starts_session: bool,
    /// The name of who said it, if it is more than a role.
    pub author: Option<&'a str>,
    /// What was said.
    pub text: &'a str,
}

/// Makes a segment's data of turns in order of their positions; one that is not behind the turn
/// before it is left out.
///
/// The result holds no words. The same turns give the same bytes.
pub fn index<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<u8> {
    let mut builder = Builder::default();
    for entry in entries {
        builder.add(&entry);
    }
    builder.finish()
}

#[derive(Default)]
struct Builder {
    last: Option<i64>,
    count: u32,
    positions: Vec<u8>,
    items: Vec<u8>,
    postings: BTreeMap<Term, Postings>,
}

#[derive(Default)]
struct Postings {
    next: u32,
    bytes: Vec<u8>,
}

impl Builder {
    fn add(&mut self, entry: &Entry<'_>) {
        match self.last {
            None => write(zigzag(entry.position), &mut self.positions),
            Some(last) if entry.position > last => {
                write(entry.position.abs_diff(last) - 1, &mut self.positions);
            }
            Some(_) => return,
        }
        self.last = Some(entry.position);
        let mut terms: BTreeMap<Term, u64> = BTreeMap::new();
        let mut length = 0_u64;
        spoken(entry.text, |word| {
            *terms.entry(word.term).or_default() += 1;
            length += 1;
        });
        if let Some(author) = entry.author {
            authors(author, |term| {
                terms.insert(term, 1);
            });
        }
        let flags = u64::from(entry.starts_session) + 2 * u64::from(has_question_mark(entry.text));
        write(length.saturating_mul(4) + flags, &mut self.items);
        for (term, times) in terms {
            let postings = self.postings.entry(term).or_default();
            let distance = u64::from(self.count - postings.next);
            write(2 * distance + u64::from(times > 1), &mut postings.bytes);
            if times > 1 {
                write(times - 2, &mut postings.bytes);
            }
            postings.next = self.count.saturating_add(1);
        }
        self.count = self.count.saturating_add(1);
    }

    fn finish(self) -> Vec<u8> {
        let postings_length: usize = self.postings.values().map(|it| it.bytes.len()).sum();
        let mut blob = vec![VERSION];
        for count in [self.count.try_into().unwrap_or(0), self.postings.len(), postings_length] {
            write(count.try_into().unwrap_or(u64::MAX), &mut blob);
        }
        blob.extend(self.positions);
        blob.extend(self.items);
        for term in self.postings.keys() {
            blob.extend(term.0.to_le_bytes());
        }
        let mut end = 0_usize;
        for postings in self.postings.values() {
            end += postings.bytes.len();
            blob.extend(u32::try_from(end).unwrap_or(u32::MAX).to_le_bytes());
        }
        for postings in self.postings.values() {
            blob.extend(&postings.bytes);
        }
        let sum = checksum(&blob);
        blob.extend(sum.to_le_bytes());
        blob
    }
}

/// A segment cannot be read: its bytes are damaged, of a version that this one does not know, or
/// not in their place. Nothing is found by it until it is made again from the turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("segment {segment} of the conversation's index cannot be read")]
pub struct DamagedSegment {
    /// Which of the segments that were given, counted from 0.
    pub segment: usize,
}

/// An item of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexedItem {
    pub(super) position: i64,
    /// How many terms it has, each as often as it was said.
    pub(super) length: u32,
    pub(super) starts_session: bool,
    pub(super) asks: bool,
}

/// Where a segment has a term.
#[derive(Debug, Clone, Copy)]
pub(super) struct Located(usize);

/// A segment's data, with its parts found. Every reading is checked: `None` is damage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    terms: &'a [[u8; 4]],
    ends: &'a [[u8; 4]],
    postings: &'a [u8],
    count: u32,
}

impl<'a> Segment<'a> {
    /// Finds the parts, and appends the items.
    pub(super) fn read(blob: &'a [u8], items: &mut Vec<IndexedItem>) -> Option<Self> {
        let (content, sum) = blob.split_last_chunk::<4>()?;
        if u32::from_le_bytes(*sum) != checksum(content) {
            return None;
        }
        let (&version, mut rest) = content.split_first()?;
        if version != VERSION {
            return None;
        }
        let count = u32::try_from(read(&mut rest)?).ok()?;
        let terms = usize::try_from(read(&mut rest)?).ok()?;
        let postings = usize::try_from(read(&mut rest)?).ok()?;
        // An item takes two bytes, so that no more are made room for than the blob can hold.
        let room = usize::try_from(count).ok().filter(|it| *it <= rest.len() / 2)?;
        items.reserve(room);
        let first = items.len();
        let mut position: Option<i64> = None;
        for _ in 0..count {
            let number = read(&mut rest)?;
            let at = match position {
                None => unzigzag(number),
                Some(last) => last.checked_add_unsigned(number)?.checked_add(1)?,
            };
            position = Some(at);
            items.push(IndexedItem { position: at, length: 0, starts_session: false, asks: false });
        }
        for item in items.get_mut(first..)? {
            let number = read(&mut rest)?;
            item.length = u32::try_from(number / 4).ok()?;
            item.starts_session = number & 1 != 0;
            item.asks = number & 2 != 0;
        }
        let table = terms.checked_mul(4)?;
        let (term_table, rest) = rest.split_at_checked(table)?;
        let (ends, rest) = rest.split_at_checked(table)?;
        if rest.len() != postings {
            return None;
        }
        let (terms, _) = term_table.as_chunks::<4>();
        let (ends, _) = ends.as_chunks::<4>();
        Some(Self { terms, ends, postings: rest, count })
    }

    /// Calls `each` with those of the terms, which are ascending, that the segment has: their number
    /// among the given ones, and where to find their postings.
    pub(super) fn locate(&self, terms: &[Term], mut each: impl FnMut(usize, Located)) {
        // Going through both is faster than looking up each, unless they are few.
        if terms.len().saturating_mul(16) < self.terms.len() {
            for (number, term) in terms.iter().enumerate() {
                let found = self.terms.binary_search_by_key(&term.0, |it| u32::from_le_bytes(*it));
                if let Ok(at) = found {
                    each(number, Located(at));
                }
            }
            return;
        }
        let mut wanted = terms.iter().enumerate().peekable();
        for (at, hash) in self.terms.iter().enumerate() {
            let hash = u32::from_le_bytes(*hash);
            while wanted.next_if(|(_, term)| term.0 < hash).is_some() {}
            match wanted.peek() {
                Some((number, term)) if term.0 == hash => each(*number, Located(at)),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Calls `each` with the ordinal of every item that has the term, ascending, and how often.
    pub(super) fn postings(
        &self,
        Located(at): Located,
        mut each: impl FnMut(u32, u32),
    ) -> Option<()> {
        let begin = match at.checked_sub(1) {
            None => 0,
            Some(before) => self.end(before)?,
        };
        let mut bytes = self.postings.get(begin..self.end(at)?)?;
        let mut next = 0_u32;
        while !bytes.is_empty() {
            let number = read(&mut bytes)?;
            let ordinal = next.checked_add(u32::try_from(number / 2).ok()?)?;
            if ordinal >= self.count {
                return None;
            }
            next = ordinal + 1;
            let times = if number & 1 == 0 { 1 } else { read(&mut bytes)?.saturating_add(2) };
            each(ordinal, u32::try_from(times).unwrap_or(u32::MAX));
        }
        Some(())
    }

    fn end(&self, term: usize) -> Option<usize> {
        self.ends.get(term).and_then(|it| usize::try_from(u32::from_le_bytes(*it)).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(position: i64, text: &str) -> Entry<'_> {
        Entry { position, starts_session: false, author: None, text }
    }

    fn postings(segment: &Segment<'_>, word: &str) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        segment.locate(&[Term::said(word)], |_, at| {
            let whole = segment.postings(at, |ordinal, times| found.push((ordinal, times)));
            whole.expect("the segment is whole");
        });
        found
    }

    #[test]
    fn a_segment_says_which_items_have_a_term_and_how_often() {
        let blob = index([
            entry(-3, "The dog sees a dog"),
            Entry { starts_session: true, ..entry(4, "No cat here?") },
            entry(i64::MAX, "Dogs and cats"),
        ]);
        let mut items = Vec::new();
        let segment = Segment::read(&blob, &mut items).expect("it is whole");
        assert_eq!(postings(&segment, "dog"), [(0, 2), (2, 1)]);
        assert_eq!(postings(&segment, "cat"), [(1, 1), (2, 1)]);
        assert_eq!(postings(&segment, "bird"), []);
        let seen: Vec<_> =
            items.iter().map(|it| (it.position, it.length, it.starts_session, it.asks)).collect();
        assert_eq!(seen, [(-3, 3, false, false), (4, 1, true, true), (i64::MAX, 2, false, false)]);
    }

    #[test]
    fn few_terms_and_many_are_found_alike() {
        let text: Vec<String> = (0..200).map(|it| format!("word{it}")).collect();
        let text = text.join(" ");
        let blob = index([entry(0, &text)]);
        let segment = Segment::read(&blob, &mut Vec::new()).expect("it is whole");
        let mut terms: Vec<Term> = (150..250).map(|it| Term::said(&format!("word{it}"))).collect();
        terms.sort_unstable();
        let located = |terms: &[Term]| {
            let mut found = Vec::new();
            segment.locate(terms, |number, _| found.extend(terms.get(number).copied()));
            found
        };
        let one_by_one: Vec<Term> = terms.iter().flat_map(|term| located(&[*term])).collect();
        assert_eq!(one_by_one.len(), 50);
        assert_eq!(located(&terms), one_by_one);
    }

    #[test]
    fn an_item_out_of_order_is_left_out() {
        let blob = index([entry(2, "one"), entry(2, "two"), entry(1, "three"), entry(3, "four")]);
        assert_eq!(blob, index([entry(2, "one"), entry(3, "four")]));
    }

    #[test]
    fn nothing_is_a_segment_too() {
        let mut items = Vec::new();
        assert!(Segment::read(&index([]), &mut items).is_some());
        assert!(items.is_empty());
    }

    #[test]
    fn the_format_never_changes_without_a_new_version() {
        let blob = index([
            Entry { starts_session: true, author: Some("Ann"), ..entry(0, "I paint, do you?") },
            entry(7, "Painting. Painting 3rd!"),
        ]);
        let content = [
            [1, 2, 3, 5, 0, 6, 7, 12].as_slice(),
            &[249, 137, 44, 89, 181, 160, 104, 149, 158, 176, 55, 231],
            &[1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0],
            &[0, 2, 0, 1, 0],
            &[24, 82, 182, 249],
        ];
        assert_eq!(blob, content.concat());
    }

    #[test]
    fn another_version_is_not_read() {
        let mut blob = index([entry(0, "dog")]);
        blob.truncate(blob.len() - 4);
        blob[0] = VERSION + 1;
        seal(&mut blob);
        assert!(Segment::read(&blob, &mut Vec::new()).is_none());
    }

    fn seal(content: &mut Vec<u8>) {
        let sum = checksum(content);
        content.extend(sum.to_le_bytes());
    }

    /// Reads all there is, and says whether no more was made room for than the bytes justify.
    fn read_everything(blob: &[u8]) -> bool {
        let mut items = Vec::new();
        let Some(segment) = Segment::read(blob, &mut items) else { return true };
        let terms: Vec<Term> =
            segment.terms.iter().map(|term| Term(u32::from_le_bytes(*term))).collect();
        segment.locate(&terms, |_, at| {
            let _ = segment.postings(at, |ordinal, _| {
                assert!(ordinal < segment.count, "an ordinal is of an item");
            });
        });
        items.capacity() <= blob.len().max(8)
    }

    proptest! {
        #[test]
        fn bytes_with_a_right_checksum_are_read_without_a_panic(
            mut content in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            content.insert(0, VERSION);
            seal(&mut content);
            prop_assert!(read_everything(&content));
        }

        #[test]
        fn a_changed_segment_with_a_right_checksum_is_read_without_a_panic(
            texts in prop::collection::vec("[a-d]{3}( [a-d]{3}){0,3}", 1..20),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
        ) {
            let mut content = index((0..).zip(&texts).map(|(at, text)| entry(at, text)));
            content.truncate(content.len() - 4);
            for (at, byte) in changes {
                let at = at.index(content.len());
                content[at] = byte;
            }
            seal(&mut content);
            prop_assert!(read_everything(&content));
        }

        #[test]
        fn any_change_is_noticed(
            at in any::<prop::sample::Index>(), change in 1_u8..,
        ) {
            let mut blob = index([entry(0, "dog and cat"), entry(1, "cat and mouse")]);
            let at = at.index(blob.len());
            blob[at] ^= change;
            prop_assert!(Segment::read(&blob, &mut Vec::new()).is_none());
        }
    }
}
