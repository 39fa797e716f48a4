//! Dropping an answer frees the endpoint, whatever the answer is doing.

use std::time::Duration;

use futures::StreamExt as _;
use loquat_provider::FinishReason;

use super::{
    Dialect, Patience, Say, Verdict,
    connections::long_answer,
    hear::{SHORT, SOON, always, beginning, endpoint, next, request, script, start, status},
};
use crate::{ClosedBy, ScriptedUpstream, UpstreamScript};

/// The most time between the drop and the moment at which the endpoint sees its socket close.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn assert_freed(upstream: &ScriptedUpstream) {
    let closed = upstream.wait_closed(0, AT_ONCE).await.expect("the connection stays open");
    assert_eq!(closed.by, ClosedBy::Client);
}

/// Asks, reads `events` events, and leaves while more is waited for.
async fn leave_after(dialect: &dyn Dialect, events: usize, script: UpstreamScript) {
    let stage = always(dialect, Patience::default(), script).await;
    let mut answer = start(&*stage.provider).await;
    for _ in 0..events {
        next(&mut answer).await;
    }
    let waiting = tokio::time::timeout(SHORT / 3, answer.next()).await;
    assert!(waiting.is_err(), "{waiting:?}");
    drop(answer);
    assert_freed(&stage.upstream).await;
}

/// Within the handshake.
pub async fn leaving_while_it_connects_frees_the_endpoint(dialect: &dyn Dialect) -> Verdict {
    let upstream = ScriptedUpstream::queue([]).await.expect("a free port");
    let base_url = upstream.base_url().replace("http:", "https:");
    let provider = dialect.provider(&endpoint(base_url, Patience::default()));
    tokio::select! {
        _ = provider.start(request()) => panic!("nobody answers the handshake"),
        is_connected = upstream.wait_for_connections(1, SOON) => assert!(is_connected),
    }
    assert_freed(&upstream).await;
    Ok(())
}

/// The request is sent, and nothing came back.
pub async fn leaving_while_it_waits_for_the_head_frees_the_endpoint(
    dialect: &dyn Dialect,
) -> Verdict {
    let stage = always(dialect, Patience::default(), UpstreamScript::silence()).await;
    tokio::select! {
        _ = stage.provider.start(request()) => panic!("nobody answers"),
        has_asked = stage.upstream.wait_for_requests(1, SOON) => assert!(has_asked),
    }
    assert_freed(&stage.upstream).await;
    Ok(())
}

/// The answer is accepted, and nothing said.
pub async fn leaving_while_it_waits_for_the_first_piece_frees_the_endpoint(
    dialect: &dyn Dialect,
) -> Verdict {
    leave_after(dialect, 0, script(dialect, &[Say::Begin(None)])?.stall()).await;
    Ok(())
}

/// Between two pieces.
pub async fn leaving_in_the_middle_frees_the_endpoint(dialect: &dyn Dialect) -> Verdict {
    leave_after(dialect, 2, beginning(dialect, &["a", "b"])?.stall()).await;
    Ok(())
}

/// All is said but that it is all.
pub async fn leaving_after_the_last_word_frees_the_endpoint(dialect: &dyn Dialect) -> Verdict {
    let says = [Say::Begin(None), Say::text("a"), Say::Finish(FinishReason::Stop, None)];
    let stage = always(dialect, Patience::default(), script(dialect, &says)?.stall()).await;
    let mut answer = start(&*stage.provider).await;
    for _ in 0..2 {
        next(&mut answer).await;
    }
    drop(answer);
    assert_freed(&stage.upstream).await;
    Ok(())
}

/// Megabytes wait in the buffers between the sockets.
pub async fn leaving_with_much_unread_frees_the_endpoint(dialect: &dyn Dialect) -> Verdict {
    let stage = always(dialect, Patience::default(), long_answer(dialect)?).await;
    let mut answer = start(&*stage.provider).await;
    next(&mut answer).await;
    drop(answer);
    assert_freed(&stage.upstream).await;
    Ok(())
}

/// Nobody asks for somebody who has left.
pub async fn leaving_before_another_try_ends_all_asking(dialect: &dyn Dialect) -> Verdict {
    let refusal = status(dialect, 429).header("retry-after", "1");
    let stage = always(dialect, Patience::default(), refusal).await;
    tokio::select! {
        _ = stage.provider.start(request()) => panic!("it does not wait"),
        has_asked = stage.upstream.wait_for_requests(1, SOON) => assert!(has_asked),
    }
    let asked_again = stage.upstream.wait_for_requests(2, Duration::from_millis(1500)).await;
    assert!(!asked_again, "somebody goes on asking");
    Ok(())
}

/// Accepted, and never asked for an event.
pub async fn leaving_without_reading_frees_the_endpoint(dialect: &dyn Dialect) -> Verdict {
    let script = beginning(dialect, &["a"])?.stall();
    let stage = always(dialect, Patience::default(), script).await;
    drop(start(&*stage.provider).await);
    assert_freed(&stage.upstream).await;
    Ok(())
}
