//! What can be called, before it is known with which ids.

use proptest::{collection::vec, option, prelude::*};

use super::bill;

/// A call in terms of what is there when its turn comes: a number picks one of it, so that a row of
/// calls stays meaningful when it is shortened.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Create {
        who: u8,
        home: u8,
        items: New,
        key: Option<Key>,
    },
    Update {
        who: u8,
        home: u8,
        archived: bool,
    },
    Delete {
        who: u8,
        home: u8,
    },
    Append {
        who: u8,
        home: u8,
        items: New,
        key: Option<Key>,
    },
    DeleteItem {
        who: u8,
        home: u8,
        item: u8,
    },
    Activate {
        who: u8,
        home: u8,
        branch: u8,
    },
    Begin {
        who: u8,
        start: Start,
        items: New,
        manner: Manner,
        key: Option<Key>,
        evict: Option<Evict>,
    },
    Checkpoint {
        who: u8,
        turn: u8,
        alive: bool,
        at_work: bool,
        run: Option<Run>,
    },
    Finish {
        who: u8,
        turn: u8,
        items: New,
        runs: Vec<Run>,
        keep: bool,
        only_if_stale: bool,
        notes: Option<bool>,
        spent: Vec<bill::Spent>,
    },
    Stop {
        who: u8,
        turn: u8,
    },
    DeleteResponse {
        who: u8,
        turn: u8,
    },
    PutSegment {
        who: u8,
        home: u8,
        first: u8,
        size: u8,
        late: bool,
    },
    PutSummary {
        who: u8,
        home: u8,
        covers_to: u8,
        late: bool,
    },
    EndJob {
        who: u8,
        home: u8,
        again: bool,
    },
    Bill(bill::Op),
    Forget,
    Reopen,
}

/// New items: how many, and perhaps an id that was used before instead of the last one's.
#[derive(Debug, Clone, Copy)]
pub(super) struct New {
    pub(super) count: u8,
    pub(super) used: Option<u8>,
}

/// A key, and whether it is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: u8,
    pub(super) keep: bool,
    pub(super) says: u8,
}

/// Items leave the window: where it begins then, and whether the context has changed meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evict {
    pub(super) anchor: u8,
    pub(super) late: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    New {
        home: u8,
        listed: bool,
    },
    /// At the end of the active branch.
    End {
        home: u8,
    },
    /// At the end of the active branch, if it is this item.
    Leaf {
        home: u8,
        item: Option<u8>,
    },
    After {
        home: u8,
        item: Option<u8>,
    },
    /// After what a response ended with.
    Response {
        turn: u8,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) alive: bool,
    pub(super) hidden: bool,
    pub(super) queued: bool,
    pub(super) used: Option<u8>,
}

/// Events: where they begin and how many they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// `None` is where the last run of the turn ended.
    pub(super) first: Option<u8>,
    pub(super) count: u8,
}

/// Conversations of one number in two tenants have the same id.
pub(super) const HOMES: u8 = 6;

/// A caller of a smaller number is that person, whatever the call is about; of a greater one,
/// somebody whose it is.
pub(super) const STRANGERS: u8 = 4;

/// What every row of calls begins with: conversations to work with, of which two have the same id
/// and one is somebody else's.
pub(super) fn prelude() -> [Op; 4] {
    let items = New { count: 2, used: None };
    [(0, 0), (0, 1), (2, 0), (1, 2)].map(|(who, home)| Op::Create { who, home, items, key: None })
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    // Most is for its owner, or hardly anything would succeed.
    let who = || prop_oneof![9 => STRANGERS..8_u8, 1 => 0..STRANGERS];
    let home = || prop_oneof![5 => 0..2_u8, 1 => 2..HOMES];
    let seldom = || prop::bool::weighted(0.15);
    let often = || prop::bool::weighted(0.8);
    let used = || prop_oneof![12 => Just(None), 1 => any::<u8>().prop_map(Some)];
    let items = move || (0..3_u8, used()).prop_map(|(count, used)| New { count, used });
    let key = move || {
        let key =
            (0..3_u8, often(), 0..2_u8).prop_map(|(name, keep, says)| Key { name, keep, says });
        prop_oneof![3 => Just(None), 1 => key.prop_map(Some)]
    };
    let run = || {
        let first = prop_oneof![4 => Just(None), 1 => (0..6_u8).prop_map(Some)];
        (first, 1..4_u8).prop_map(|(first, count)| Run { first, count })
    };
    let start = move || {
        prop_oneof![
            2 => (home(), any::<bool>()).prop_map(|(home, listed)| Start::New { home, listed }),
            4 => home().prop_map(|home| Start::End { home }),
            1 => (home(), option::of(any::<u8>())).prop_map(|(home, item)| Start::Leaf { home, item }),
            4 => (home(), option::weighted(0.85, any::<u8>()))
                .prop_map(|(home, item)| Start::After { home, item }),
            2 => any::<u8>().prop_map(|turn| Start::Response { turn }),
        ]
    };
    let manner = move || {
        (often(), seldom(), seldom(), used()).prop_map(|(alive, hidden, queued, used)| Manner {
            alive,
            hidden,
            queued,
            used,
        })
    };
    let evict = move || {
        let evict = (0..8_u8, seldom()).prop_map(|(anchor, late)| Evict { anchor, late });
        prop_oneof![2 => Just(None), 1 => evict.prop_map(Some)]
    };
    let turn = || any::<u8>();
    prop_oneof![
        4 => (who(), home(), items(), key())
            .prop_map(|(who, home, items, key)| Op::Create { who, home, items, key }),
        1 => (who(), home(), any::<bool>())
            .prop_map(|(who, home, archived)| Op::Update { who, home, archived }),
        1 => (who(), 0..HOMES).prop_map(|(who, home)| Op::Delete { who, home }),
        4 => (who(), home(), items(), key())
            .prop_map(|(who, home, items, key)| Op::Append { who, home, items, key }),
        4 => (who(), home(), any::<u8>())
            .prop_map(|(who, home, item)| Op::DeleteItem { who, home, item }),
        3 => (who(), home(), any::<u8>())
            .prop_map(|(who, home, branch)| Op::Activate { who, home, branch }),
        10 => (who(), start(), items(), manner(), key(), evict()).prop_map(
            |(who, start, items, manner, key, evict)| {
                Op::Begin { who, start, items, manner, key, evict }
            }
        ),
        4 => (who(), turn(), often(), any::<bool>(), option::of(run())).prop_map(
            |(who, turn, alive, at_work, run)| Op::Checkpoint { who, turn, alive, at_work, run }
        ),
        8 => (who(), turn(), items(), vec(run(), 0..3), (often(), seldom(), option::of(seldom())),
            vec(bill::spent(), 0..3)).prop_map(
            |(who, turn, items, runs, (keep, only_if_stale, notes), spent)| {
                Op::Finish { who, turn, items, runs, keep, only_if_stale, notes, spent }
            }
        ),
        1 => (who(), turn()).prop_map(|(who, turn)| Op::Stop { who, turn }),
        2 => (who(), turn()).prop_map(|(who, turn)| Op::DeleteResponse { who, turn }),
        4 => (who(), home(), 0..8_u8, 0..3_u8, seldom()).prop_map(|(who, home, first, size, late)| {
            Op::PutSegment { who, home, first, size, late }
        }),
        2 => (who(), home(), 0..8_u8, seldom()).prop_map(|(who, home, covers_to, late)| {
            Op::PutSummary { who, home, covers_to, late }
        }),
        1 => (who(), home(), any::<bool>())
            .prop_map(|(who, home, again)| Op::EndJob { who, home, again }),
        8 => bill::op().prop_map(Op::Bill),
        1 => Just(Op::Forget),
        1 => Just(Op::Reopen),
    ]
}
