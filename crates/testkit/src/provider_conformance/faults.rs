//! Errors that an endpoint reports in its own words.

use std::time::{Duration, Instant};

use loquat_provider::ProviderError;
use serde_json::json;

use super::{
    Dialect, Say, UpstreamFault, Verdict,
    hear::{SOON, playing, said, script},
};
use crate::{Framing, UpstreamScript, UpstreamStep};

/// Slow down, too long, and everything else, in the middle of an answer.
pub async fn an_error_in_the_middle_is_told_by_its_kind(dialect: &dyn Dialect) -> Verdict {
    for fault in [UpstreamFault::SlowDown, UpstreamFault::TooLong, UpstreamFault::Other] {
        let says = [Say::Begin(None), Say::text("a"), Say::Error(fault), Say::text("b")];
        let stage = playing(dialect, [script(dialect, &says)?]).await;
        let (events, error) = stage.hear().await;
        assert_eq!(said(&events), "a");
        let is_right = match fault {
            UpstreamFault::SlowDown => matches!(error, Some(ProviderError::RateLimited { .. })),
            UpstreamFault::TooLong => matches!(error, Some(ProviderError::ContextLengthExceeded)),
            UpstreamFault::Other => matches!(error, Some(ProviderError::Failed)),
        };
        assert!(is_right, "{fault:?}: {error:?}");
        assert_eq!(stage.asked(), 1, "an answer that has begun is never asked for again");
    }
    Ok(())
}

/// A page or an object, with status 200.
pub async fn a_document_instead_of_a_stream_breaks_the_protocol(dialect: &dyn Dialect) -> Verdict {
    let page = UpstreamScript::json(200, &json!({"object": "list", "data": []}));
    let stage = playing(dialect, [page]).await;
    let (events, error) = stage.hear().await;
    assert_eq!(events, []);
    assert!(matches!(error, Some(ProviderError::Protocol(_))), "{error:?}");
    assert_eq!(stage.asked(), 1);
    Ok(())
}

/// An error does not become worse by being long.
pub async fn an_error_s_body_without_an_end_is_not_read_to_its_end(
    dialect: &dyn Dialect,
) -> Verdict {
    let head = UpstreamStep::Head {
        status: 400,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        framing: Framing::UntilClose,
    };
    let flood = UpstreamScript::new([head]).body("x".repeat(64 << 20));
    let stage = playing(dialect, [flood]).await;
    let started = Instant::now();
    let (_, error) = stage.hear().await;
    assert!(matches!(error, Some(ProviderError::Rejected { status: 400 })), "{error:?}");
    assert!(started.elapsed() < SOON);
    let is_over = stage.upstream.wait_for_answers(1, Duration::ZERO).await;
    assert!(!is_over, "all of it was read");
    Ok(())
}
