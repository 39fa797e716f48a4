//! The same search, written down without an index: slow and plain, to compare with.
//!
//! It knows words only as they are, so that it is right for made-up words alone, which have no
//! endings, no other forms and nothing of their kind.

use loquat_context::SCORE_ONE;

/// A turn of a small dialogue.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) position: i64,
    pub(crate) starts_session: bool,
    pub(crate) author: Option<&'static str>,
    pub(crate) words: Vec<&'static str>,
    pub(crate) asks: bool,
}

impl Turn {
    pub(crate) fn text(&self) -> String {
        let mut text = self.words.join(" ");
        if self.asks {
            text.push('?');
        }
        text
    }

    fn times(&self, word: &str) -> f64 {
        f64::from(u32::try_from(self.words.iter().filter(|it| **it == word).count()).unwrap())
    }
}

/// The position and score of every turn that has one, best first.
pub(crate) fn search(query: &[&str], turns: &[Turn]) -> Vec<(i64, f64)> {
    let own: Vec<f64> = (0..turns.len()).map(|at| own(query, turns, at)).collect();
    let alone = |at: usize| {
        let author = turns[at].author.filter(|it| query.contains(it));
        author.map_or(0.0, |author| rarity(turns, &|it| it.author == Some(author)))
    };
    let mut sessions = Vec::new();
    for (at, turn) in turns.iter().enumerate() {
        let before = sessions.last().copied().unwrap_or(0);
        sessions.push(if at > 0 && turn.starts_session { before + 1 } else { before });
    }
    let mut hits: Vec<(i64, f64)> = (0..turns.len())
        .map(|at| {
            let near = |distance: isize| {
                at.checked_add_signed(distance)
                    .filter(|other| sessions.get(*other) == Some(&sessions[at]))
                    .map_or(0.0, |other| own[other])
            };
            let asked = at > 0 && turns[at - 1].asks;
            let of_session = (0..turns.len()).filter(|other| sessions[*other] == sessions[at]);
            let highest = of_session.map(|other| own[other]).fold(0.0, f64::max);
            let score = own[at]
                + if asked { 0.5 } else { 0.4 } * near(-1)
                + 0.3 * near(-2)
                + 0.2 * near(1)
                + 0.2 * near(2)
                + 0.5 * highest
                + alone(at);
            (turns[at].position, score)
        })
        .filter(|(_, score)| *score >= 1.0 / f64::from(SCORE_ONE))
        .collect();
    hits.sort_by(|(a_at, a), (b_at, b)| b.total_cmp(a).then(b_at.cmp(a_at)));
    hits
}

fn own(query: &[&str], turns: &[Turn], at: usize) -> f64 {
    let all = f64::from(u32::try_from(turns.len()).unwrap());
    let rarity = |has: &dyn Fn(&Turn) -> bool| rarity(turns, has);
    let words: usize = turns.iter().map(|it| it.words.len()).sum();
    let mean = (f64::from(u32::try_from(words).unwrap()) / all).max(1.0);
    let turn = &turns[at];
    let length = f64::from(u32::try_from(turn.words.len()).unwrap());
    let (mut sum, mut subjects) = (0.0, 0);
    for word in query {
        let speaks = turns.iter().any(|it| it.author == Some(word));
        let times = turn.times(word);
        let mut score = 0.0_f64;
        if times > 0.0 {
            let frequency = times * 2.2 / (times + 1.2 * (0.5 + 0.5 * length / mean));
            let share = if speaks { 0.25 } else { 1.0 };
            score = share * rarity(&|it| it.times(word) > 0.0) * frequency;
        }
        if turn.author == Some(word) {
            score = score.max(2.0 * rarity(&|it| it.author == Some(word)));
        }
        if score > 0.0 {
            sum += score;
            subjects += 1;
        }
    }
    sum * 1.1_f64.powi((subjects - 1).max(0))
}

fn rarity(turns: &[Turn], has: &dyn Fn(&Turn) -> bool) -> f64 {
    let all = f64::from(u32::try_from(turns.len()).unwrap());
    let found = f64::from(u32::try_from(turns.iter().filter(|it| has(it)).count()).unwrap());
    (1.0 + (all - found + 0.5) / (found + 0.5)).ln()
}
