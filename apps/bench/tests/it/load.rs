//! The load generator's figures, against a mock whose answers are known.

use crate::playground::Mock;

#[test]
fn every_token_that_the_mock_sends_is_counted() {
    let mock = Mock::start();
    let report = mock.load(&[
        "--model=m;tokens=30;stamp",
        "--expect-tokens=30",
        "--clients=4",
        "--requests=200",
    ]);
    assert_eq!((&report["failed"], &report["wrong"]), (&0.into(), &0.into()), "{report}");
    let answers = report["answers_in_all"].as_u64().unwrap();
    assert!(answers >= 200, "{answers} answers");
    let record = mock.record();
    assert_eq!(record["completed"], answers);
    assert_eq!(record["tokens_sent"], 30 * answers);
    assert_eq!(record["cancelled"], 0);
    // With no warm-up the measurement may still begin behind the first answer or two.
    let measured = report["tokens"].as_u64().unwrap();
    assert!(measured > 30 * 190 && measured <= 30 * answers, "{measured} tokens");
    assert_eq!(report["relay_delay"]["count"], measured);
}

#[test]
fn a_paced_answer_takes_its_time() {
    let mock = Mock::start();
    let report = mock.load(&[
        "--model=m;tokens=11;gap=10ms;ttft=50ms;stamp",
        "--expect-tokens=11",
        "--clients=3",
        "--requests=9",
    ]);
    assert_eq!((&report["failed"], &report["wrong"]), (&0.into(), &0.into()), "{report}");
    assert!(report["ttft"]["p50_ms"].as_f64().unwrap() >= 49.0, "{report}");
    assert!(report["whole"]["p50_ms"].as_f64().unwrap() >= 148.0, "{report}");
    assert!(report["gap"]["p50_ms"].as_f64().unwrap() > 5.0, "{report}");
}

#[test]
fn answers_of_another_length_than_expected_are_wrong() {
    let mock = Mock::start();
    let report = mock.load(&["--model=m;tokens=5", "--expect-tokens=6", "--requests=3"]);
    assert_eq!(report["wrong"], report["answers_in_all"]);
    assert_eq!(report["faults"][0], "5 tokens came instead of 6");
}

#[test]
fn answers_that_are_cut_or_refused_are_failures() {
    let mock = Mock::start();
    let cut = mock.load(&["--model=m;tokens=5;fault=cut@2", "--requests=2"]);
    assert_eq!((&cut["failed"], &cut["answers_in_all"]), (&2.into(), &0.into()));
    assert_eq!(cut["faults"][0], "the connection was closed in the middle of the answer");
    let refused = mock.load(&["--model=m;fault=status@503", "--requests=2"]);
    assert_eq!(refused["failed"], 2);
    let fault = refused["faults"][0].as_str().unwrap();
    assert!(fault.starts_with("status 503: {"), "{fault}");
}

#[test]
fn an_answer_that_does_not_end_is_a_failure() {
    let mock = Mock::start();
    let report = mock.load(&["--model=m;fault=stall@2", "--requests=1", "--timeout=200ms"]);
    assert_eq!(report["failed"], 1);
    assert_eq!(report["faults"][0], "no end after 0.2 s");
}

#[test]
fn a_history_goes_with_the_prompt() {
    let mock = Mock::start();
    mock.load(&["--model=m;tokens=1", "--history=20", "--requests=1"]);
    assert_eq!(mock.record()["fewest_messages"], 21);
}

#[test]
fn the_process_that_is_named_is_measured() {
    let mock = Mock::start();
    let pid = mock.id().to_string();
    let report = mock.load(&["--model=m;tokens=200", "--requests=500", "--pid", &pid]);
    let server = &report["server"];
    assert!(server["rss_peak_bytes"].as_u64().unwrap() > 100_000, "{server}");
    assert!(server["cpu_us_per_token"].as_f64().unwrap() > 0.0, "{server}");
}
