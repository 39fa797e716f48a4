//! The scenarios, as data: what is configured, what is sent, what is read off, and what is wanted.

use super::outcome::Outcome;
use crate::{
    load::Report,
    stats::{Summary, float, ratio},
};

/// One situation in which the server is measured.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) models: &'static [Model],
    /// Lines of the server's configuration beside its models.
    pub(super) settings: &'static str,
    pub(super) steps: &'static [Step],
    pub(super) checks: &'static [Check],
}

/// A model as the server's configuration names it.
pub(super) struct Model {
    pub(super) name: &'static str,
    /// The mock's name for it, which says how it answers.
    pub(super) upstream: &'static str,
    pub(super) context_window: u32,
    pub(super) max_output_tokens: u32,
}

/// One run of the load generator.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) target: Target,
    /// Its options, but for the address, the token, the process and the report's file.
    pub(super) arguments: &'static [&'static str],
}

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Server,
    /// The server, while another tenant loads it with these options.
    SharedServer(&'static [&'static str]),
    Mock,
}

/// A figure, and what it is to be.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) must: Bound,
    pub(super) aim: Bound,
    /// `None` when the run did not show it.
    pub(super) measure: fn(&Outcome) -> Option<f64>,
}

/// What a figure is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// Room for a history of 20 messages and any answer of the scenarios but the longest.
const WIDE: u32 = 131_072;

/// Answers at once; used while histories are stored.
const SEED: Model = Model {
    name: "seed",
    upstream: "mock;tokens=20;token-bytes=10",
    context_window: WIDE,
    max_output_tokens: 4_096,
};

const fn model(name: &'static str, upstream: &'static str) -> Model {
    Model { name, upstream, context_window: WIDE, max_output_tokens: 8_192 }
}

const NO_FAULTS: Check = Check {
    name: "failed requests and wrong answers",
    unit: "",
    must: Bound::AtMost(0.0),
    aim: Bound::AtMost(0.0),
    measure: |outcome| Some(outcome.faults()),
};

/// 20 of the history and the question: shows that the history really goes to the model.
const HISTORY_IS_SENT: Check = Check {
    name: "messages in the longest prompt",
    unit: "",
    must: Bound::AtLeast(21.0),
    aim: Bound::AtLeast(21.0),
    measure: |outcome| outcome.first()?.record.most_messages?.to_string().parse().ok(),
};

/// All that must be right when clients leave.
const LEAVING: &[Check] = &[
    Check {
        name: "requests of 20 that the model saw closed",
        unit: "",
        must: Bound::AtLeast(20.0),
        aim: Bound::AtLeast(20.0),
        measure: |outcome| Some(outcome.first()?.freed()),
    },
    Check {
        name: "slowest close",
        unit: "ms",
        must: Bound::AtMost(250.0),
        aim: Bound::AtMost(250.0),
        measure: |outcome| outcome.first()?.slowest_freed_ms(),
    },
    Check {
        name: "tokens beyond what the client read",
        unit: "",
        must: Bound::AtMost(3.0),
        aim: Bound::AtMost(1.0),
        measure: |outcome| outcome.first()?.most_tokens_over(),
    },
    NO_FAULTS,
];

const NEIGHBOUR: &[&str] = &["--model=measured", "--clients=64", "--warmup=0s", "--duration=14s"];

const ITS_OWN: &[&str] =
    &["--model=measured", "--expect-tokens=20", "--clients=16", "--warmup=2s", "--duration=12s"];

/// By how much a figure of the shared server is above that of the server which one tenant has alone.
fn beside(outcome: &Outcome, of: fn(&Report) -> Option<Summary>) -> Option<f64> {
    let p95 = |step| Some(of(&outcome.step(step)?.report)?.p95_ms);
    ratio(p95("beside it")?, p95("alone")?)
}

/// All scenarios, in the order in which they are run and reported.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "1 client, 20 tokens",
        models: &[SEED, model("measured", "mock;tokens=20;stamp")],
        settings: "",
        steps: &[
            Step {
                name: "server",
                target: Target::Server,
                arguments: &[
                    "--model=measured",
                    "--history=20",
                    "--history-model=seed",
                    "--expect-tokens=20",
                    "--clients=1",
                    "--warmup=2s",
                    "--duration=10s",
                ],
            },
            Step {
                name: "mock alone",
                target: Target::Mock,
                arguments: &[
                    "--model=mock;tokens=20;stamp",
                    "--expect-tokens=20",
                    "--clients=1",
                    "--warmup=1s",
                    "--duration=4s",
                ],
            },
        ],
        checks: &[
            Check {
                name: "CPU per answer",
                unit: "ms",
                must: Bound::AtMost(1.5),
                aim: Bound::AtMost(1.0),
                measure: |outcome| outcome.first()?.report.server.as_ref()?.cpu_ms_per_answer,
            },
            Check {
                name: "added first token, p50",
                unit: "ms",
                must: Bound::AtMost(1.5),
                aim: Bound::AtMost(1.0),
                measure: |outcome| {
                    let alone = outcome.step("mock alone")?.ttft_p50_ms()?;
                    Some(outcome.first()?.ttft_p50_ms()? - alone)
                },
            },
            HISTORY_IS_SENT,
            NO_FAULTS,
        ],
    },
    Scenario {
        name: "64 clients, 200 tokens",
        models: &[SEED, model("measured", "mock;tokens=200;stamp")],
        settings: "",
        steps: &[Step {
            name: "server",
            target: Target::Server,
            arguments: &[
                "--model=measured",
                "--history=20",
                "--history-model=seed",
                "--expect-tokens=200",
                "--clients=64",
                "--warmup=2s",
                "--duration=10s",
            ],
        }],
        checks: &[
            Check {
                name: "tokens",
                unit: "/s",
                must: Bound::AtLeast(50_000.0),
                aim: Bound::AtLeast(70_000.0),
                measure: |outcome| outcome.first()?.report.tokens_per_second,
            },
            HISTORY_IS_SENT,
            NO_FAULTS,
        ],
    },
    Scenario {
        name: "500 clients, a token each 20 ms",
        models: &[SEED, model("measured", "mock;tokens=100;gap=20ms;stamp")],
        settings: "",
        steps: &[Step {
            name: "server",
            target: Target::Server,
            arguments: &[
                "--model=measured",
                "--history=20",
                "--history-model=seed",
                "--expect-tokens=100",
                "--clients=500",
                // One answer's length, so that the clients' tokens do not all come at once.
                "--ramp=2s",
                "--warmup=3s",
                "--duration=15s",
            ],
        }],
        checks: &[
            Check {
                name: "token events",
                unit: "/s",
                must: Bound::AtLeast(25_000.0),
                aim: Bound::AtLeast(25_000.0),
                measure: |outcome| outcome.first()?.report.tokens_per_second,
            },
            Check {
                name: "CPU per token event",
                unit: "us",
                must: Bound::AtMost(35.0),
                aim: Bound::AtMost(29.0),
                measure: |outcome| outcome.first()?.report.server.as_ref()?.cpu_us_per_token,
            },
            Check {
                name: "relay delay, p50",
                unit: "ms",
                must: Bound::AtMost(2.0),
                aim: Bound::AtMost(1.0),
                measure: |outcome| Some(outcome.first()?.report.relay_delay?.p50_ms),
            },
            Check {
                name: "last token to end, p50",
                unit: "ms",
                must: Bound::AtMost(10.0),
                aim: Bound::AtMost(5.0),
                measure: |outcome| Some(outcome.first()?.report.tail?.p50_ms),
            },
            Check {
                name: "resident memory per stream",
                unit: "KiB",
                must: Bound::AtMost(56.0),
                aim: Bound::AtMost(44.0),
                measure: |outcome| {
                    Some(outcome.first()?.report.server.as_ref()?.rss_kib_per_stream)
                },
            },
            HISTORY_IS_SENT,
            NO_FAULTS,
        ],
    },
    Scenario {
        name: "20 clients stop reading",
        // 200,000 events of some 250 bytes are the 50 MB.
        models: &[Model {
            name: "measured",
            upstream: "mock;tokens=200000;stamp",
            context_window: 1_048_576,
            max_output_tokens: 262_144,
        }],
        settings: "",
        steps: &[Step {
            name: "server",
            target: Target::Server,
            arguments: &[
                "--model=measured",
                "--clients=20",
                "--stop-reading-after=5",
                "--hold=12s",
            ],
        }],
        checks: &[
            Check {
                name: "resident memory per stream",
                unit: "KiB",
                must: Bound::AtMost(1024.0),
                aim: Bound::AtMost(128.0),
                measure: |outcome| {
                    Some(outcome.first()?.report.server.as_ref()?.rss_kib_per_stream)
                },
            },
            NO_FAULTS,
        ],
    },
    Scenario {
        name: "20 clients leave before the first token",
        models: &[model("measured", "mock;tokens=500;gap=20ms;ttft=30s")],
        settings: "",
        steps: &[Step {
            name: "server",
            target: Target::Server,
            arguments: &[
                "--model=measured",
                "--clients=20",
                "--leave-after=before-first",
                "--leave-delay=700ms",
            ],
        }],
        checks: LEAVING,
    },
    Scenario {
        name: "20 clients leave mid-stream",
        models: &[model("measured", "mock;tokens=500;gap=20ms")],
        settings: "",
        steps: &[Step {
            name: "server",
            target: Target::Server,
            arguments: &["--model=measured", "--clients=20", "--leave-after=5"],
        }],
        checks: LEAVING,
    },
    Scenario {
        name: "20 clients leave in a stall",
        models: &[model("measured", "mock;tokens=500;gap=20ms;fault=stall@5")],
        settings: "",
        steps: &[Step {
            name: "server",
            target: Target::Server,
            arguments: &[
                "--model=measured",
                "--clients=20",
                "--leave-after=5",
                "--leave-delay=700ms",
            ],
        }],
        checks: LEAVING,
    },
    Scenario {
        name: "10,000 items against 10",
        // So small a window that both conversations fill it with their newest few items: what is
        // compared is the cost of length, not of the prompt.
        models: &[Model {
            name: "measured",
            upstream: "mock;tokens=20;token-bytes=10",
            context_window: 1_024,
            max_output_tokens: 512,
        }],
        settings: "",
        steps: &[
            // Few requests and no warm-up: each adds two items to the short conversation.
            Step {
                name: "10 items",
                target: Target::Server,
                arguments: &[
                    "--model=measured",
                    "--history=10",
                    "--history-mode=conversation",
                    "--expect-tokens=20",
                    "--warmup=0s",
                    "--requests=100",
                ],
            },
            Step {
                name: "10,000 items",
                target: Target::Server,
                arguments: &[
                    "--model=measured",
                    "--history=10000",
                    "--history-mode=conversation",
                    "--expect-tokens=20",
                    "--warmup=0s",
                    "--requests=100",
                ],
            },
        ],
        checks: &[
            Check {
                name: "first token of the long by the short, p50",
                unit: "times",
                must: Bound::AtMost(1.5),
                aim: Bound::AtMost(1.1),
                measure: |outcome| {
                    let short = outcome.step("10 items")?.ttft_p50_ms()?;
                    Some(outcome.step("10,000 items")?.ttft_p50_ms()? / short)
                },
            },
            NO_FAULTS,
        ],
    },
    Scenario {
        name: "a neighbour at its limit",
        // Quicker than most models: what a neighbour adds is a larger part of little.
        models: &[model("measured", "mock;ttft=50ms;gap=5ms;tokens=20;stamp")],
        settings: "[[quotas]]\ntenant = \"neighbour\"\nrequests_per_minute = 60\nstreams = 2",
        steps: &[
            Step { name: "alone", target: Target::Server, arguments: ITS_OWN },
            Step { name: "beside it", target: Target::SharedServer(NEIGHBOUR), arguments: ITS_OWN },
        ],
        checks: &[
            Check {
                name: "first token beside it by alone, p95",
                unit: "times",
                must: Bound::AtMost(1.2),
                aim: Bound::AtMost(1.05),
                measure: |outcome| beside(outcome, |report| report.ttft),
            },
            Check {
                name: "whole answer beside it by alone, p95",
                unit: "times",
                must: Bound::AtMost(1.2),
                aim: Bound::AtMost(1.05),
                measure: |outcome| beside(outcome, |report| report.whole),
            },
            Check {
                name: "requests of the neighbour that were refused",
                unit: "/s",
                must: Bound::AtLeast(100.0),
                aim: Bound::AtLeast(100.0),
                measure: |outcome| {
                    let neighbour = outcome.step("beside it")?.neighbour.as_ref()?;
                    ratio(float(neighbour.failed), neighbour.seconds)
                },
            },
            NO_FAULTS,
        ],
    },
];
