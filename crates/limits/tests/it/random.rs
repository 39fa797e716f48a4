//! Whatever happens in whatever order, no more is used than the limits allow.

use std::time::Duration;

use loquat_domain::{Meter, Micros, Whom};
use loquat_limits::Admission;
use proptest::prelude::*;

use crate::support::{Fault, MODEL, TestStore, configured, limit, pass, scope};

const TOKENS: u64 = 1_000;
const MICROS: u64 = 5_000;
const STREAMS: u64 = 6;

#[derive(Debug, Clone)]
enum Op {
    /// Somebody comes to one of two instances, and leaves if it takes longer than that.
    Admit {
        instance: usize,
        patience: u64,
    },
    Reserve {
        turn: usize,
        tokens: u64,
        micros: u64,
        patience: u64,
    },
    /// Of what is set aside, this percentage was used; the rest stays set aside.
    Spend {
        turn: usize,
        percent: u64,
    },
    /// Of what is set aside, this percentage was used.
    Settle {
        turn: usize,
        percent: u64,
    },
    Drop {
        turn: usize,
    },
    Pass {
        millis: u64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let turn = 0..8_usize;
    prop_oneof![
        3 => (0..2_usize, 0..20_u64)
            .prop_map(|(instance, patience)| Op::Admit { instance, patience }),
        4 => (turn.clone(), 0..400_u64, 0..900_u64, 0..20_u64).prop_map(
            |(turn, tokens, micros, patience)| Op::Reserve { turn, tokens, micros, patience }
        ),
        2 => (turn.clone(), 0..=100_u64).prop_map(|(turn, percent)| Op::Spend { turn, percent }),
        3 => (turn.clone(), 0..=100_u64).prop_map(|(turn, percent)| Op::Settle { turn, percent }),
        2 => turn.prop_map(|turn| Op::Drop { turn }),
        2 => (0..700_u64).prop_map(|millis| Op::Pass { millis }),
    ]
}

#[derive(Debug, Clone)]
enum Weather {
    Fair,
    Foul(Fault),
}

fn weather() -> impl Strategy<Value = Weather> {
    prop_oneof![
        6 => Just(Weather::Fair),
        1 => Just(Weather::Foul(Fault::Lost)),
        1 => Just(Weather::Foul(Fault::Unheard)),
        1 => Just(Weather::Foul(Fault::Refused)),
    ]
}

/// A turn and what is set aside for it.
struct Turn {
    admission: Admission,
    tokens: u64,
    micros: u64,
}

#[derive(Default)]
struct Model {
    turns: Vec<Turn>,
    tokens: u64,
    micros: u64,
}

impl Model {
    fn check(&self) {
        let tokens: u64 = self.turns.iter().map(|turn| turn.tokens).sum();
        let micros: u64 = self.turns.iter().map(|turn| turn.micros).sum();
        assert!(self.tokens + tokens <= TOKENS, "{} and {tokens} tokens", self.tokens);
        assert!(self.micros + micros <= MICROS, "{} and {micros} micro-units", self.micros);
        assert!(self.turns.len() <= usize::try_from(STREAMS).unwrap());
    }
}

async fn run(ops: Vec<(Weather, Op)>) {
    let store = TestStore::at(Duration::from_millis(4));
    let limits = || {
        configured([
            limit(Whom::Tenant, Meter::TokensPerDay, TOKENS),
            limit(Whom::Tenant, Meter::MicrosPerMonth, MICROS),
            limit(Whom::EachUser, Meter::Streams, STREAMS),
        ])
    };
    let instances = [store.limiter(1, limits()), store.limiter(2, limits())];
    let user = scope("ada");
    let mut model = Model::default();
    let is_fair = ops.iter().all(|(weather, _)| matches!(weather, Weather::Fair));
    for (weather, op) in ops {
        store.fail(match weather {
            Weather::Fair => None,
            Weather::Foul(fault) => Some(fault),
        });
        match op {
            Op::Admit { instance, patience } => {
                let admit = instances[instance].admit(&user, MODEL);
                let within = Duration::from_millis(patience);
                if let Ok(Ok(admission)) = tokio::time::timeout(within, admit).await {
                    model.turns.push(Turn { admission, tokens: 0, micros: 0 });
                }
            }
            Op::Reserve { turn, tokens, micros, patience } => {
                let Some(turn) = model.turns.get_mut(turn) else { continue };
                let reserve = turn.admission.reserve(tokens, Micros(micros));
                let within = Duration::from_millis(patience);
                if let Ok(Ok(())) = tokio::time::timeout(within, reserve).await {
                    turn.tokens += tokens;
                    turn.micros += micros;
                }
            }
            Op::Spend { turn, percent } => {
                let Some(turn) = model.turns.get_mut(turn) else { continue };
                let (tokens, micros) = (turn.tokens * percent / 100, turn.micros * percent / 100);
                turn.admission.spend(tokens, Micros(micros));
                turn.tokens -= tokens;
                turn.micros -= micros;
                model.tokens += tokens;
                model.micros += micros;
            }
            Op::Settle { turn, percent } => {
                let Some(turn) = model.turns.get_mut(turn) else { continue };
                let (tokens, micros) = (turn.tokens * percent / 100, turn.micros * percent / 100);
                turn.admission.settle(tokens, Micros(micros));
                (turn.tokens, turn.micros) = (0, 0);
                model.tokens += tokens;
                model.micros += micros;
            }
            Op::Drop { turn } => {
                if turn < model.turns.len() {
                    drop(model.turns.swap_remove(turn));
                }
            }
            Op::Pass { millis } => pass(Duration::from_millis(millis)).await,
        }
        model.check();
    }
    store.fail(None);
    model.turns.clear();
    pass(Duration::from_millis(1_500)).await;
    let (tokens, micros) =
        (store.taken(Meter::TokensPerDay).await, store.taken(Meter::MicrosPerMonth).await);
    if is_fair {
        assert_eq!((tokens, micros), (model.tokens, model.micros));
    } else {
        assert!(tokens >= model.tokens && micros >= model.micros);
    }
}

fn run_paused(ops: Vec<(Weather, Op)>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(run(ops));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn on_two_instances_no_more_is_used_than_the_limits_allow(
        ops in prop::collection::vec(op(), 1..60),
    ) {
        run_paused(ops.into_iter().map(|op| (Weather::Fair, op)).collect());
    }

    #[test]
    fn nor_while_the_store_fails_now_and_then(
        ops in prop::collection::vec((weather(), op()), 1..60),
    ) {
        run_paused(ops);
    }
}
