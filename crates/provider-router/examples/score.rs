//! What the complexity score is worth on the labelled prompts: `cargo run --release -p
//! loquat-provider-router --example score [tuning|held_out|contrary|fresh] [--wrong]`.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

#[path = "../labelled/set.rs"]
mod set;

use loquat_provider_router::Complexity;

use set::{CONTRARY, FRESH, HELD_OUT, Labelled, TUNING, prompts};

/// The thresholds of the table.
const THRESHOLDS: [u8; 11] = [30, 35, 40, 45, 50, 55, 60, 65, 70, 80, 90];

/// Currency units per million tokens, input and output.
struct Rate(f64, f64);

const SMALL: Rate = Rate(0.15, 0.60);
const LARGE: Rate = Rate(2.50, 10.00);

/// Tokens of instructions before each prompt, and of the answer to an easy and a hard one.
const INSTRUCTIONS: f64 = 300.0;
const EASY_ANSWER: f64 = 150.0;
const HARD_ANSWER: f64 = 900.0;

/// The share of hard ones among the requests of an ordinary assistant, an assumption: the labelled
/// prompts have more.
const HARD_SHARE: f64 = 0.2;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let shows = |name: &str| {
        wanted.iter().all(|it| it.starts_with("--")) || wanted.iter().any(|it| it == name)
    };
    for (name, part) in
        [("tuning", TUNING), ("held_out", HELD_OUT), ("contrary", CONTRARY), ("fresh", FRESH)]
    {
        if shows(name) {
            report(name, &prompts(part));
            if wanted.iter().any(|it| it == "--wrong") {
                wrong(&prompts(part));
            }
        }
    }
}

struct Outcome {
    threshold: u8,
    accuracy: f64,
    precision: f64,
    recall: f64,
    easy_at_small: f64,
    saved: f64,
}

fn report(name: &str, prompts: &[Labelled]) {
    let scored: Vec<(&Labelled, u8)> =
        prompts.iter().map(|prompt| (prompt, prompt.complexity().score())).collect();
    let hard = count(prompts, |prompt| prompt.is_hard);
    println!("{name}: {} prompts, {hard} of them hard", prompts.len());
    println!();
    println!(
        "| threshold | accuracy | precision | recall | easy at the small | saved | saved at 20 % hard |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut outcomes = Vec::new();
    for threshold in THRESHOLDS {
        let outcome = outcome(&scored, threshold);
        let mixed = saved(&scored, threshold, HARD_SHARE);
        println!(
            "| {threshold} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.0} % | {:.0} % |",
            100.0 * outcome.accuracy,
            100.0 * outcome.precision,
            100.0 * outcome.recall,
            100.0 * outcome.easy_at_small,
            100.0 * outcome.saved,
            100.0 * mixed,
        );
        outcomes.push(outcome);
    }
    println!();
    draw(&outcomes);
    by(&scored, "language", |prompt| prompt.language);
    by(&scored, "kind", |prompt| prompt.kind);
}

fn outcome(scored: &[(&Labelled, u8)], threshold: u8) -> Outcome {
    let is = |hard: bool, strong: bool| {
        count(scored, |(prompt, score)| prompt.is_hard == hard && (*score >= threshold) == strong)
    };
    let (caught, missed, wasted, spared) =
        (is(true, true), is(true, false), is(false, true), is(false, false));
    Outcome {
        threshold,
        accuracy: (caught + spared) / (caught + missed + wasted + spared),
        precision: caught / (caught + wasted).max(1.0),
        recall: caught / (caught + missed),
        easy_at_small: spared / (spared + wasted),
        saved: saved(scored, threshold, (caught + missed) / (caught + missed + wasted + spared)),
    }
}

/// Which share of the money is saved against asking the large model always, if this share of the
/// requests is hard.
fn saved(scored: &[(&Labelled, u8)], threshold: u8, hard_share: f64) -> f64 {
    let hard = count(scored, |(prompt, _)| prompt.is_hard);
    let easy = count(scored, |(prompt, _)| !prompt.is_hard);
    let (mut routed, mut always) = (0.0, 0.0);
    for (prompt, score) in scored {
        let weight = if prompt.is_hard { hard_share / hard } else { (1.0 - hard_share) / easy };
        let rate = if *score >= threshold { &LARGE } else { &SMALL };
        routed += weight * cost(rate, prompt);
        always += weight * cost(&LARGE, prompt);
    }
    1.0 - routed / always
}

fn cost(rate: &Rate, prompt: &Labelled) -> f64 {
    let tokens = INSTRUCTIONS + float(prompt.text.len()) / 4.0;
    let answer = if prompt.is_hard { HARD_ANSWER } else { EASY_ANSWER };
    tokens * rate.0 + answer * rate.1
}

/// Hard prompts caught (`#`) and easy ones spared (`o`), by threshold.
fn draw(outcomes: &[Outcome]) {
    println!("```");
    for step in (0..=10_u32).rev() {
        let level = f64::from(step) / 10.0;
        let cells: String = outcomes
            .iter()
            .map(|outcome| {
                let is = |value: f64| (value - level).abs() < 0.05;
                match (is(outcome.recall), is(outcome.easy_at_small)) {
                    (true, true) => "  *  ",
                    (true, false) => "  #  ",
                    (false, true) => "  o  ",
                    (false, false) => "     ",
                }
            })
            .collect();
        println!("{:>4} % |{cells}", step * 10);
    }
    let thresholds: Vec<String> =
        outcomes.iter().map(|it| format!("{:^5}", it.threshold)).collect();
    let thresholds = thresholds.concat();
    println!("       +{}", "-".repeat(5 * outcomes.len()));
    println!("        {thresholds}  threshold");
    println!(
        "        # hard prompts that go to the large model    o easy ones that go to the small"
    );
    println!("```");
    println!();
}

fn by(scored: &[(&Labelled, u8)], what: &str, of: impl Fn(&Labelled) -> &'static str) {
    let mut names: Vec<&str> = scored.iter().map(|(prompt, _)| of(prompt)).collect();
    names.sort_unstable();
    names.dedup();
    print!("right at {}, by {what}:", Complexity::HARD);
    for name in names {
        let all = count(scored, |(prompt, _)| of(prompt) == name);
        let right = |(prompt, score): &(&Labelled, u8)| {
            of(prompt) == name && prompt.is_hard == (*score >= Complexity::HARD)
        };
        print!(" {name} {}/{all}", count(scored, right));
    }
    println!();
}

fn wrong(prompts: &[Labelled]) {
    println!();
    for prompt in prompts {
        let complexity = prompt.complexity();
        if prompt.is_hard != (complexity.score() >= Complexity::HARD) {
            let label = if prompt.is_hard { "hard" } else { "easy" };
            let text: String = prompt.text.chars().take(100).collect();
            println!("{label} {} {complexity}\n    {text:?}", prompt.language);
        }
    }
}

fn count<T>(of: &[T], is: impl Fn(&T) -> bool) -> f64 {
    float(of.iter().filter(|it| is(it)).count())
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
