//! A property is worth what it finds: each is seen to fail of an engine with a fault.

mod broken_engine;

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};

use crate::{journey::journeys, properties::Property};
use broken_engine::{BrokenEngine, Fault};

/// As many conversations as the engine itself is tried with.
const CASES: u32 = crate::properties::CASES;

fn is_found(property: Property, fault: Fault) -> bool {
    let engine = BrokenEngine::with(fault);
    let mut runner = TestRunner::deterministic();
    (0..CASES).any(|_| {
        let journey = journeys().new_tree(&mut runner).expect("there are some").current();
        journey.run(&engine, |taken| property.check(taken, &engine)).is_err()
    })
}

macro_rules! seen_to_fail {
    ($($fault:ident: $property:ident, $name:ident;)+) => {
        $(
            #[test]
            fn $name() {
                assert!(is_found(Property::$property, Fault::$fault), "nobody noticed");
            }
        )+

        #[test]
        fn every_property_has_a_fault() {
            let found = [$(Property::$property),+];
            for property in Property::ALL {
                assert!(found.contains(&property), "{property:?} was never seen to fail");
            }
        }
    };
}

seen_to_fail! {
    ExceedsTheBudget: Budget, a_prompt_that_exceeds_the_budget_is_found;
    LosesTheLead: LeadFirst, a_lead_that_is_lost_is_found;
    LosesPins: LeadFirst, a_pin_that_is_lost_is_found;
    CutsTheNewest: NewestWhole, a_newest_message_that_is_cut_is_found;
    RefusesLongTurns: NewestWhole, a_refusal_without_need_is_found;
    SeparatesCalls: Groups, a_call_without_its_output_is_found;
    KeepsThoughts: Groups, a_thought_without_its_deed_is_found;
    SwapsItems: Order, a_changed_order_is_found;
    DoublesAnItem: Order, an_item_that_is_sent_twice_is_found;
    BeginsInTheMiddle: UserFirst, a_window_that_begins_with_the_assistant_is_found;
    CountsInThePrefix: StablePrefix, a_counter_in_the_prefix_is_found;
    EvictsEachTurn: Eviction, an_eviction_without_need_is_found;
    NeverEvicts: Eviction, a_window_above_its_mark_is_found;
    SkipsInRecall: Monotone, a_choice_that_skips_is_found;
    DependsOnACounter: Deterministic, a_prompt_that_depends_on_a_counter_is_found;
    ReadsEverything: Work, reading_everything_is_found;
    RecallsWithoutGate: Gate, recall_without_a_gate_is_found;
    FollowsTheSummary: Summary, a_summary_that_moves_the_window_is_found;
    AcceptsForeign: Foreign, a_foreign_candidate_is_found;
    ForgetsInTheReport: Receipt, an_item_that_the_receipt_forgets_is_found;
}
