//! Connections are kept where that is possible, and pieces come as they are sent.

use std::time::{Duration, Instant};

use loquat_provider::{FinishReason, ProviderEvent};

use super::{
    Dialect, Inexpressible, Patience, Say, Verdict,
    hear::{
        SHORT, SOON, always, answer, is_finished, listen, next, playing, start, whole, written,
    },
};
use crate::{Gate, UpstreamScript};

/// Twenty answers, one connection.
pub async fn answers_that_are_read_to_their_end_share_a_connection(
    dialect: &dyn Dialect,
) -> Verdict {
    let stage = always(dialect, Patience::default(), answer(dialect, &["a"])?).await;
    for _ in 0..20 {
        assert!(is_finished(&whole(stage.hear().await)));
    }
    assert_eq!(stage.upstream.connections(), 1);
    Ok(())
}

/// All is said, and the body does not end.
pub async fn an_end_that_never_comes_is_not_waited_for(dialect: &dyn Dialect) -> Verdict {
    let stage = playing(dialect, [answer(dialect, &["a"])?.stall()]).await;
    let started = Instant::now();
    assert!(is_finished(&whole(stage.hear().await)));
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(stage.upstream.wait_closed(0, SOON).await.is_some());
    Ok(())
}

/// Nothing collects pieces: each is there before the next is sent.
pub async fn a_piece_is_told_while_the_next_is_held_back(dialect: &dyn Dialect) -> Verdict {
    let says = [
        Say::Begin(None),
        Say::text("a"),
        Say::text("b"),
        Say::text("c"),
        Say::Finish(FinishReason::Stop, None),
    ];
    let gate = Gate::default();
    let held = written(dialect, &says)?
        .into_iter()
        .fold(UpstreamScript::sse(), |script, bytes| script.wait(&gate).body(bytes));
    let stage = playing(dialect, [held]).await;
    gate.open();
    let mut answer = start(&*stage.provider).await;
    for piece in ["a", "b", "c"] {
        gate.open();
        assert_eq!(next(&mut answer).await, ProviderEvent::Text(piece.to_owned()));
    }
    gate.open();
    let reason = ProviderEvent::Finished(FinishReason::Stop);
    assert_eq!(next(&mut answer).await, reason, "the reason to stop is held back, too");
    Ok(())
}

/// 16 MiB in pieces of 8 KiB: more than the buffers between two sockets hold.
pub(super) const PIECES: usize = 2048;

pub(super) fn long_answer(dialect: &dyn Dialect) -> Result<UpstreamScript, Inexpressible> {
    let piece = "x".repeat(8 << 10);
    answer(dialect, &vec![&*piece; PIECES])
}

/// What nobody reads is not taken from the endpoint.
pub async fn a_reader_that_stops_reading_stops_the_endpoint(dialect: &dyn Dialect) -> Verdict {
    let stage = playing(dialect, [long_answer(dialect)?]).await;
    let mut answer = start(&*stage.provider).await;
    next(&mut answer).await;
    let is_over = stage.upstream.wait_for_answers(1, SHORT * 5).await;
    assert!(!is_over, "somebody took the whole answer although nobody read it");
    let events = whole(listen(answer).await);
    let rest: usize = events
        .iter()
        .map(|event| if let ProviderEvent::Text(text) = event { text.len() } else { 0 })
        .sum();
    assert_eq!(rest, (PIECES - 1) * (8 << 10));
    assert!(stage.upstream.wait_for_answers(1, SOON).await);
    Ok(())
}

/// The end of the body comes a little after the end of the answer.
pub async fn an_end_that_comes_a_little_late_is_waited_for(dialect: &dyn Dialect) -> Verdict {
    let late = answer(dialect, &["a"])?.delay(Duration::from_millis(10));
    let stage = always(dialect, Patience::default(), late).await;
    for _ in 0..3 {
        whole(stage.hear().await);
    }
    assert_eq!(stage.upstream.connections(), 1);
    Ok(())
}

/// Fifty answers, each with a connection of its own.
pub async fn answers_at_once_do_not_wait_for_one_another(dialect: &dyn Dialect) -> Verdict {
    let mut steps = answer(dialect, &["a"])?.steps().to_vec();
    steps.insert(1, crate::UpstreamStep::Delay(SHORT));
    let stage = always(dialect, Patience::default(), UpstreamScript::new(steps)).await;
    let heard = futures::future::join_all((0..50).map(|_| stage.hear())).await;
    assert!(heard.into_iter().all(|heard| is_finished(&whole(heard))));
    assert_eq!(stage.upstream.connections(), 50);
    Ok(())
}
