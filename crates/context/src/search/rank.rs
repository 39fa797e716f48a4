//! Which turns a query is about, best first.
//!
//! The weights of BM25 and of neighbours are those that were measured on long real dialogues. What
//! names, related words and questions count was tried on dialogues of our own, made and written by
//! hand, and chosen where a change either way made little difference.

use super::{
    query::{Query, Subject},
    segment::{DamagedSegment, IndexedItem, Located, Segment},
    terms::Term,
};

/// A score of one. Scores are compared and kept in these fractions, so that they are the same
/// number everywhere.
pub const SCORE_ONE: u32 = 1 << 12;

/// How soon a further mention of a term in a turn stops to count (BM25).
const SATURATION: f64 = 1.2;

/// How much long turns are discounted (BM25).
const LENGTH_SHARE: f64 = 0.5;

/// What each further subject that a turn mentions multiplies its score by.
const FURTHER_SUBJECT: f64 = 1.1;

/// What it counts that a turn is by whom the query names.
const AUTHOR: f64 = 2.0;

/// What it counts besides, for that turn alone: its neighbours do not borrow it.
const AUTHOR_ALONE: f64 = 1.0;

/// What it counts that a turn mentions by name who speaks in this conversation: mostly the other
/// one, who is spoken to.
const ADDRESSED: f64 = 0.25;

/// What a word counts that is only related to what was asked for.
const RELATED: f64 = 0.4;

/// What a turn borrows from its neighbours.
const LAST: f64 = 0.4;
const LAST_BUT_ONE: f64 = 0.3;
const NEXT: f64 = 0.2;
const NEXT_BUT_ONE: f64 = 0.2;

/// What a turn borrows from the one before it if that asked something.
const QUESTION: f64 = 0.5;

/// What a turn borrows from the best of its session.
const SESSION: f64 = 0.5;

/// A turn that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Its place in the conversation.
    pub position: i64,
    /// How well it matches, in parts of [`SCORE_ONE`]. Only shares of the best score mean anything.
    pub score: u32,
    /// How many of the query's subjects it mentions itself; 0 when it only stands near others.
    pub terms: u8,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// The best turns, best first; of equal ones the later first.
    pub hits: Vec<Hit>,
    /// How many of the query's content terms any turn has. Fewer than two do not tell turns apart.
    pub known_terms: usize,
}

/// Finds at most `limit` turns of the segments, which are in order of their positions.
///
/// A turn without a word of the query may be found, because of its neighbours. Takes time for the
/// turns there are and the query's mentions in them, and no more memory than both.
///
/// # Errors
///
/// [`DamagedSegment`] when a segment cannot be read or does not come behind the one before it.
pub fn search(query: &Query, segments: &[&[u8]], limit: usize) -> Result<Search, DamagedSegment> {
    if query.is_empty() {
        return Ok(Search::default());
    }
    let corpus = Corpus::read(segments, query)?;
    let mut scores = Scores::new(corpus.items.len());
    let mut known_terms = 0;
    for subject in &query.subjects {
        let known = scores.add(&corpus, subject)?;
        known_terms += usize::from(known && subject.is_content());
    }
    scores.reward_further_subjects();
    Ok(Search { hits: best(&corpus, &scores, limit), known_terms })
}

/// All segments of a conversation as one.
struct Corpus<'a> {
    items: Vec<IndexedItem>,
    /// Each with how many items come before it.
    segments: Vec<(usize, Segment<'a>)>,
    /// The terms that are looked for, ascending, and for each which segments have it.
    terms: Vec<Term>,
    places: Vec<Vec<(usize, Located)>>,
    mean_length: f64,
}

impl<'a> Corpus<'a> {
    fn read(blobs: &[&'a [u8]], query: &Query) -> Result<Self, DamagedSegment> {
        let mut terms: Vec<Term> = query.subjects.iter().flat_map(Subject::terms).collect();
        terms.sort_unstable();
        terms.dedup();
        let mut places = vec![Vec::new(); terms.len()];
        let mut items: Vec<IndexedItem> = Vec::new();
        let mut segments = Vec::with_capacity(blobs.len());
        for (number, blob) in blobs.iter().enumerate() {
            let base = items.len();
            let damaged = DamagedSegment { segment: number };
            let segment = Segment::read(blob, &mut items).ok_or(damaged)?;
            let ends = base.checked_sub(1).and_then(|last| items.get(last));
            if let (Some(last), Some(first)) = (ends, items.get(base))
                && first.position <= last.position
            {
                return Err(damaged);
            }
            segment.locate(&terms, |term, at| {
                if let Some(places) = places.get_mut(term) {
                    places.push((number, at));
                }
            });
            segments.push((base, segment));
        }
        let total: u64 = items.iter().map(|it| u64::from(it.length)).sum();
        let mean_length = ratio(total, items.len()).max(1.0);
        Ok(Self { items, segments, terms, places, mean_length })
    }

    /// Counts how often each item has any of the terms.
    fn tally(&self, terms: &[Term], tally: &mut Tally) -> Result<(), DamagedSegment> {
        for term in terms {
            let place = self.terms.binary_search(term).ok().and_then(|at| self.places.get(at));
            for (number, located) in place.into_iter().flatten() {
                let Some((base, segment)) = self.segments.get(*number) else { continue };
                segment
                    .postings(*located, |ordinal, times| tally.add(*base, ordinal, times))
                    .ok_or(DamagedSegment { segment: *number })?;
            }
        }
        Ok(())
    }

    /// How much it tells that an item is among so many.
    fn rarity(&self, found: usize) -> f64 {
        let (all, found) = (float(self.items.len()), float(found));
        logarithm(1.0 + (all - found + 0.5) / (found + 0.5))
    }

    /// How much being said so often counts in an item, by its length.
    fn frequency(&self, at: usize, times: u32) -> f64 {
        let length = self.items.get(at).map_or(0.0, |it| f64::from(it.length));
        let times = f64::from(times);
        let discount = 1.0 - LENGTH_SHARE + LENGTH_SHARE * length / self.mean_length;
        times * (SATURATION + 1.0) / (times + SATURATION * discount)
    }
}

/// How often each item mentions something.
struct Tally {
    times: Vec<u32>,
    /// Items that do, in no order.
    items: Vec<usize>,
}

impl Tally {
    fn new(items: usize) -> Self {
        Self { times: vec![0; items], items: Vec::new() }
    }

    fn add(&mut self, base: usize, ordinal: u32, times: u32) {
        let at = base + usize::try_from(ordinal).unwrap_or(usize::MAX);
        if let Some(sum) = self.times.get_mut(at) {
            if *sum == 0 {
                self.items.push(at);
            }
            *sum = sum.saturating_add(times);
        }
    }

    /// Takes all that was counted, so that it can be used anew.
    fn drain(&mut self) -> impl Iterator<Item = (usize, u32)> {
        let times = &mut self.times;
        self.items.drain(..).map(|at| (at, times.get_mut(at).map_or(0, std::mem::take)))
    }
}

/// What each item scores by itself.
struct Scores {
    own: Vec<f64>,
    /// What it does not lend.
    alone: Vec<f64>,
    subjects: Vec<u8>,
    // Kept between subjects only for their memory.
    tally: Tally,
    of_subject: Vec<f64>,
    raised: Vec<usize>,
}

impl Scores {
    fn new(items: usize) -> Self {
        Self {
            own: vec![0.0; items],
            alone: vec![0.0; items],
            subjects: vec![0; items],
            tally: Tally::new(items),
            of_subject: vec![0.0; items],
            raised: Vec::new(),
        }
    }

    /// Adds what a subject counts, an item's best match alone; returns whether any item has it.
    fn add(&mut self, corpus: &Corpus<'_>, subject: &Subject) -> Result<bool, DamagedSegment> {
        let mut said = 1.0;
        if let Some(author) = subject.author {
            corpus.tally(&[author], &mut self.tally)?;
            if !self.tally.items.is_empty() {
                said = ADDRESSED;
                let rarity = corpus.rarity(self.tally.items.len());
                for (at, _) in self.tally.drain() {
                    raise(&mut self.of_subject, &mut self.raised, at, AUTHOR * rarity);
                    if let Some(alone) = self.alone.get_mut(at) {
                        *alone += AUTHOR_ALONE * rarity;
                    }
                }
            }
        }
        for (terms, share) in [(&subject.same, said), (&subject.related, RELATED)] {
            corpus.tally(terms, &mut self.tally)?;
            let rarity = corpus.rarity(self.tally.items.len());
            for (at, times) in self.tally.drain() {
                let score = share * rarity * corpus.frequency(at, times);
                raise(&mut self.of_subject, &mut self.raised, at, score);
            }
        }
        let known = !self.raised.is_empty();
        let weight = f64::from(subject.weight) / 100.0;
        for at in self.raised.drain(..) {
            let score = self.of_subject.get_mut(at).map_or(0.0, std::mem::take);
            if let (Some(own), Some(subjects)) = (self.own.get_mut(at), self.subjects.get_mut(at)) {
                *own += weight * score;
                *subjects = subjects.saturating_add(1);
            }
        }
        Ok(known)
    }

    fn reward_further_subjects(&mut self) {
        for (own, subjects) in self.own.iter_mut().zip(&self.subjects) {
            for _ in 1..*subjects {
                *own *= FURTHER_SUBJECT;
            }
        }
    }
}

fn raise(scores: &mut [f64], raised: &mut Vec<usize>, at: usize, score: f64) {
    if let Some(current) = scores.get_mut(at) {
        if *current == 0.0 {
            raised.push(at);
        }
        *current = current.max(score);
    }
}

/// Lets turns borrow from each other, and takes the best.
fn best(corpus: &Corpus<'_>, scores: &Scores, limit: usize) -> Vec<Hit> {
    let mut best = Best::new(limit);
    let mut start = 0;
    for session in corpus.items.chunk_by(|_, next| !next.starts_session) {
        let end = start + session.len();
        let own = scores.own.get(start..end).unwrap_or_default();
        let highest = own.iter().copied().fold(0.0, f64::max);
        if highest > 0.0 {
            for at in 0..session.len() {
                let alone = scores.alone.get(start + at).copied().unwrap_or(0.0);
                let score = borrowed(session, own, at) + SESSION * highest + alone;
                best.offer(fixed(score), start + at);
            }
        }
        start = end;
    }
    let hit = |(score, at): (u32, usize)| {
        let position = corpus.items.get(at)?.position;
        let terms = scores.subjects.get(at).copied()?;
        Some(Hit { position, score, terms })
    };
    best.in_order().filter_map(hit).collect()
}

/// The highest of many scores, in memory for as many again. Of equal ones the later is higher.
struct Best {
    limit: usize,
    kept: Vec<(u32, usize)>,
    /// What is not above it is not among the best.
    bar: (u32, usize),
}

impl Best {
    const fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), bar: (0, 0) }
    }

    fn offer(&mut self, score: u32, at: usize) {
        if score > 0 && (score, at) > self.bar {
            self.kept.push((score, at));
            if self.kept.len() >= self.limit.saturating_mul(2).max(64) {
                self.drop_surplus();
            }
        }
    }

    fn drop_surplus(&mut self) {
        if self.limit < self.kept.len() {
            self.kept.select_nth_unstable_by(self.limit, |a, b| b.cmp(a));
            self.bar = self.kept.get(self.limit).copied().unwrap_or_default();
            self.kept.truncate(self.limit);
        }
    }

    fn in_order(mut self) -> impl Iterator<Item = (u32, usize)> {
        self.drop_surplus();
        self.kept.sort_unstable_by(|a, b| b.cmp(a));
        self.kept.into_iter()
    }
}

/// A turn's own score and what it takes from those around it in its session.
fn borrowed(session: &[IndexedItem], own: &[f64], at: usize) -> f64 {
    let before =
        |back: usize| at.checked_sub(back).and_then(|at| own.get(at)).copied().unwrap_or(0.0);
    let after = |on: usize| own.get(at + on).copied().unwrap_or(0.0);
    let asked = at.checked_sub(1).and_then(|at| session.get(at)).is_some_and(|it| it.asks);
    let last = if asked { QUESTION } else { LAST };
    after(0)
        + last * before(1)
        + LAST_BUT_ONE * before(2)
        + NEXT * after(1)
        + NEXT_BUT_ONE * after(2)
}

fn fixed(score: f64) -> u32 {
    let scaled = (score * f64::from(SCORE_ONE)).min(f64::from(u32::MAX));
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and the largest u32"
    )]
    {
        scaled as u32
    }
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn ratio(total: u64, count: usize) -> f64 {
    f64::from(u32::try_from(total).unwrap_or(u32::MAX)) / float(count).max(1.0)
}

/// The natural logarithm of a number of at least 1. The one of the standard library may differ in
/// its last bit between platforms; this has nothing but operations that are exact by IEEE 754.
fn logarithm(number: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = number.to_bits();
    let exponent = i32::try_from(bits >> 52).unwrap_or(1_023) - 1_023;
    let mantissa = f64::from_bits((bits & MANTISSA) | 1.0_f64.to_bits());
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let mut power = ratio;
    let mut sum = 0.0;
    for odd in (1..=21).step_by(2) {
        sum += power / f64::from(odd);
        power *= square;
    }
    2.0 * sum + f64::from(exponent) * std::f64::consts::LN_2
}
