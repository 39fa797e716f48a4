//! Silence, in each place where it can be.

use std::time::{Duration, Instant};

use loquat_provider::{FinishReason, ProviderError};

use super::{
    Dialect, Patience, Say, Verdict,
    hear::{
        SHORT, SOON, Stage, always, beginning, endpoint, hear, is_finished, listen, next, request,
        said, script, start, whole, written,
    },
};
use crate::{ClosedBy, ScriptedUpstream, UpstreamScript};

fn first_token() -> Patience {
    Patience { first_token: SHORT, ..Patience::default() }
}

fn idle() -> Patience {
    Patience { idle: SHORT, ..Patience::default() }
}

/// Asserts that nothing came in time, once, and that the endpoint was freed. Returns for how long it
/// had said nothing by the request's trail, if it had said anything.
async fn assert_nothing_came(stage: &Stage) -> Option<Duration> {
    let started = Instant::now();
    let request = request();
    let trail = request.trail.clone();
    let (events, error) = hear(&*stage.provider, request).await;
    let silent_for = trail.silent_for();
    assert_eq!(events, []);
    assert!(matches!(error, Some(ProviderError::FirstTokenTimeout)), "{error:?}");
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    assert_eq!(stage.asked(), 1, "the time is for all tries together");
    let closed = stage.upstream.wait_closed(0, SOON).await.expect("the connection stays open");
    assert_eq!(closed.by, ClosedBy::Client);
    silent_for
}

/// Not a byte.
pub async fn silence_before_the_head_ends_with_the_time_for_the_first_piece(
    dialect: &dyn Dialect,
) -> Verdict {
    let stage = always(dialect, first_token(), UpstreamScript::silence()).await;
    assert_eq!(assert_nothing_came(&stage).await, None);
    Ok(())
}

/// Accepted, begun, and nothing said.
pub async fn silence_after_the_head_ends_with_the_time_for_the_first_piece(
    dialect: &dyn Dialect,
) -> Verdict {
    let stage = always(dialect, first_token(), script(dialect, &[Say::Begin(None)])?.stall()).await;
    assert_nothing_came(&stage).await;
    Ok(())
}

/// Comments and empty deltas, for a second.
pub async fn signs_of_life_do_not_buy_time_for_the_first_piece(dialect: &dyn Dialect) -> Verdict {
    let says = [Say::Begin(None), Say::Nothing];
    let nothing = written(dialect, &says)?.remove(1);
    let mut signs = script(dialect, &[Say::Begin(None)])?;
    for _ in 0..200 {
        let pause = Duration::from_millis(5);
        signs = signs.body(nothing.clone()).body(": still here\n\n").delay(pause);
    }
    let stage = always(dialect, first_token(), signs).await;
    assert!(assert_nothing_came(&stage).await.is_some(), "signs of life are on the trail");
    Ok(())
}

/// What came is told, and then the error.
pub async fn silence_in_the_middle_ends_with_the_idle_time(dialect: &dyn Dialect) -> Verdict {
    let stage = always(dialect, idle(), beginning(dialect, &["Hel", "lo"])?.stall()).await;
    let (events, error) = stage.hear().await;
    assert_eq!(said(&events), "Hello");
    assert!(matches!(error, Some(ProviderError::IdleTimeout)), "{error:?}");
    assert_eq!(stage.asked(), 1, "never asked again after the first piece");
    let closed = stage.upstream.wait_closed(0, SOON).await.expect("the connection stays open");
    assert_eq!(closed.by, ClosedBy::Client);
    Ok(())
}

/// The answer is whole once its reason to stop is known.
pub async fn silence_after_the_last_word_takes_nothing_away(dialect: &dyn Dialect) -> Verdict {
    let says = [Say::Begin(None), Say::text("a"), Say::Finish(FinishReason::Stop, None)];
    let stage = always(dialect, idle(), script(dialect, &says)?.stall()).await;
    let events = whole(stage.hear().await);
    assert!(is_finished(&events), "{events:?}");
    Ok(())
}

/// TLS that never answers: the connection is made as far as the kernel is concerned.
pub async fn a_connection_that_is_not_accepted_has_a_time_of_its_own(
    dialect: &dyn Dialect,
) -> Verdict {
    let upstream = ScriptedUpstream::queue([]).await.expect("a free port");
    let patience = Patience { connect: SHORT, retries: 1, ..Patience::default() };
    let base_url = upstream.base_url().replace("http:", "https:");
    let provider = dialect.provider(&endpoint(base_url, patience));
    let (_, error) = hear(&*provider, request()).await;
    assert!(matches!(error, Some(ProviderError::ConnectTimeout)), "{error:?}");
    assert_eq!(upstream.connections(), 2);
    Ok(())
}

/// Whoever reads slowly does not make the endpoint late.
pub async fn the_time_that_the_reader_takes_is_not_the_provider_s(
    dialect: &dyn Dialect,
) -> Verdict {
    let says =
        [Say::Begin(None), Say::text("a"), Say::text("b"), Say::Finish(FinishReason::Stop, None)];
    let mut written = written(dialect, &says)?.into_iter();
    let slow = written.by_ref().take(2).fold(UpstreamScript::sse(), UpstreamScript::body);
    let slow = written.fold(slow.delay(SHORT * 2), UpstreamScript::body);
    let stage = always(dialect, idle(), slow).await;
    let mut answer = start(&*stage.provider).await;
    next(&mut answer).await;
    tokio::time::sleep(SHORT * 3).await;
    assert_eq!(said(&whole(listen(answer).await)), "b");
    Ok(())
}

/// Never a moment in which the socket is empty: 64 MiB, far more than is read in the time.
pub async fn a_flood_of_nothing_does_not_buy_time_either(dialect: &dyn Dialect) -> Verdict {
    let flood = UpstreamScript::sse().body(": flood\n".repeat(8 << 20));
    let stage = always(dialect, first_token(), flood).await;
    let (events, error) = stage.hear().await;
    assert_eq!(events, []);
    assert!(matches!(error, Some(ProviderError::FirstTokenTimeout)), "{error:?}");
    Ok(())
}

/// Comments and empty deltas, once the answer has begun.
pub async fn whatever_arrives_in_the_middle_is_a_sign_of_life(dialect: &dyn Dialect) -> Verdict {
    let says = [
        Say::Begin(None),
        Say::text("a"),
        Say::Nothing,
        Say::text("b"),
        Say::Finish(FinishReason::Stop, None),
    ];
    let [begin, a, nothing, b, finish] =
        <[Vec<u8>; 5]>::try_from(written(dialect, &says)?).expect("five steps");
    let mut script = UpstreamScript::sse().body(begin).body(a);
    for _ in 0..10 {
        script = script.delay(SHORT / 4).body(": still here\n\n").delay(SHORT / 4);
        script = script.body(nothing.clone());
    }
    let stage = always(dialect, idle(), script.body(b).body(finish)).await;
    assert_eq!(said(&whole(stage.hear().await)), "ab");
    Ok(())
}

/// The time for the first piece is over with the first piece.
pub async fn the_time_for_the_first_piece_does_not_cut_what_follows(
    dialect: &dyn Dialect,
) -> Verdict {
    let says =
        [Say::Begin(None), Say::text("a"), Say::text("b"), Say::Finish(FinishReason::Stop, None)];
    let mut written = written(dialect, &says)?.into_iter();
    let slow = written.by_ref().take(2).fold(UpstreamScript::sse(), UpstreamScript::body);
    let slow = written.fold(slow.delay(SHORT * 2), UpstreamScript::body);
    let stage = always(dialect, first_token(), slow).await;
    assert_eq!(said(&whole(stage.hear().await)), "ab");
    Ok(())
}
