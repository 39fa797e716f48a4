//! What is tried again, how often, and what never is.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use loquat_provider::{ProviderError, ProviderEvent};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use super::{
    Dialect, Patience, Say, UpstreamFault, Verdict,
    hear::{
        SOON, always, answer, beginning, endpoint, hear, is_finished, playing, playing_for,
        request, said, script, status, whole,
    },
};
use crate::{ScriptedUpstream, UpstreamScript};

/// Too many requests, broken, overloaded: a moment later it may be over.
pub async fn a_passing_fault_is_tried_again_and_the_answer_comes_once(
    dialect: &dyn Dialect,
) -> Verdict {
    for code in [408, 429, 500, 502, 503, 504, 529] {
        let fault = status(dialect, code);
        let stage = playing(dialect, [fault.clone(), fault, answer(dialect, &["fine"])?]).await;
        assert_eq!(said(&whole(stage.hear().await)), "fine", "{code}");
        assert_eq!(stage.asked(), 3, "{code}");
    }
    Ok(())
}

/// Three times is enough, and the error says which kind it was.
pub async fn a_lasting_fault_is_given_up_after_two_further_tries(dialect: &dyn Dialect) -> Verdict {
    for code in [408, 429, 500, 502, 503, 529] {
        let stage = always(dialect, Patience::default(), status(dialect, code)).await;
        let (_, error) = stage.hear().await;
        let is_right = match code {
            429 => matches!(error, Some(ProviderError::RateLimited { retry_after: None })),
            _ => matches!(error, Some(ProviderError::Unavailable(_))),
        };
        assert!(is_right, "{code}: {error:?}");
        assert_eq!(stage.asked(), 3, "{code}");
    }
    Ok(())
}

/// The same request would be refused again.
pub async fn a_refusal_is_not_tried_again(dialect: &dyn Dialect) -> Verdict {
    for code in [400, 401, 403, 404, 405, 409, 413, 422, 451] {
        let stage = playing(dialect, [status(dialect, code), answer(dialect, &["a"])?]).await;
        let (_, error) = stage.hear().await;
        let is_right = match code {
            401 | 403 => matches!(error, Some(ProviderError::Authentication)),
            _ => matches!(error, Some(ProviderError::Rejected { status }) if status == code),
        };
        assert!(is_right, "{code}: {error:?}");
        assert_eq!(stage.asked(), 1, "{code}");
    }
    Ok(())
}

/// Whoever can shorten the prompt has to know.
pub async fn a_prompt_that_is_too_long_is_told_apart(dialect: &dyn Dialect) -> Verdict {
    let document = dialect.error_document(UpstreamFault::TooLong, "");
    let stage = playing(dialect, [UpstreamScript::json(400, &document)]).await;
    let (_, error) = stage.hear().await;
    assert!(matches!(error, Some(ProviderError::ContextLengthExceeded)), "{error:?}");
    assert_eq!(stage.asked(), 1);
    Ok(())
}

/// `Retry-After`, when it is short.
pub async fn a_wish_to_wait_is_granted(dialect: &dyn Dialect) -> Verdict {
    let wish = status(dialect, 429).header("retry-after", "1");
    let stage = playing(dialect, [wish, answer(dialect, &["a"])?]).await;
    whole(stage.hear().await);
    let requests = stage.upstream.requests();
    let waited = requests[1].received_at - requests[0].received_at;
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    Ok(())
}

/// `Retry-After`, when nobody would wait as long.
pub async fn a_wish_to_wait_too_long_is_passed_on_at_once(dialect: &dyn Dialect) -> Verdict {
    let wish = status(dialect, 429).header("retry-after", "3600");
    let stage = playing(dialect, [wish, answer(dialect, &["a"])?]).await;
    let started = Instant::now();
    let (_, error) = stage.hear().await;
    let hour = Duration::from_hours(1);
    assert!(
        matches!(error, Some(ProviderError::RateLimited { retry_after: Some(it) }) if it == hour),
        "{error:?}"
    );
    assert!(started.elapsed() < SOON);
    assert_eq!(stage.asked(), 1);
    Ok(())
}

/// As long as nobody has heard anything, nothing is said twice.
pub async fn an_answer_that_breaks_before_its_first_piece_is_asked_for_again(
    dialect: &dyn Dialect,
) -> Verdict {
    let begun = script(dialect, &[Say::Begin(None)])?;
    for broken in [
        UpstreamScript::new([]).cut_fin(),
        UpstreamScript::new([]).cut_rst(),
        UpstreamScript::sse().cut_fin(),
        begun.clone().cut_fin(),
        begun.until_close(),
        script(dialect, &[Say::Begin(None), Say::Error(UpstreamFault::SlowDown)])?,
    ] {
        let scripts = [broken.clone(), broken.clone(), answer(dialect, &["fine"])?];
        let stage = playing(dialect, scripts).await;
        assert_eq!(said(&whole(stage.hear().await)), "fine", "{broken:?}");
        assert_eq!(stage.asked(), 3, "{broken:?}");
    }
    Ok(())
}

/// Once something was told, a second answer would be another one.
pub async fn an_answer_that_has_begun_is_never_asked_for_again(dialect: &dyn Dialect) -> Verdict {
    let error = |fault| script(dialect, &[Say::Begin(None), Say::text("Hel"), Say::Error(fault)]);
    for broken in [
        beginning(dialect, &["Hel"])?.cut_fin(),
        error(UpstreamFault::SlowDown)?,
        error(UpstreamFault::Other)?,
    ] {
        let stage = playing(dialect, [broken, answer(dialect, &["Hello"])?]).await;
        let (events, error) = stage.hear().await;
        assert_eq!(events, [ProviderEvent::Text("Hel".to_owned())]);
        assert!(error.is_some());
        assert_eq!(stage.asked(), 1);
    }
    Ok(())
}

/// Nobody listens there.
pub async fn an_unreachable_endpoint_is_unavailable(dialect: &dyn Dialect) -> Verdict {
    let upstream = ScriptedUpstream::queue([]).await.expect("a free port");
    let base_url = upstream.base_url();
    drop(upstream);
    let provider = dialect.provider(&endpoint(base_url, Patience::default()));
    let (_, error) = hear(&*provider, request()).await;
    assert!(matches!(error, Some(ProviderError::Unavailable(Some(_)))), "{error:?}");
    Ok(())
}

/// A name that nobody has (RFC 6761, section 6.4).
pub async fn a_host_without_an_address_is_unavailable(dialect: &dyn Dialect) -> Verdict {
    let patience = Patience { retries: 0, ..Patience::default() };
    let provider = dialect.provider(&endpoint("http://nobody.invalid/v1".to_owned(), patience));
    let (_, error) = hear(&*provider, request()).await;
    assert!(matches!(error, Some(ProviderError::Unavailable(Some(_)))), "{error:?}");
    Ok(())
}

/// Who answers does not speak TLS.
pub async fn a_handshake_that_fails_is_unavailable(dialect: &dyn Dialect) -> Verdict {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let base_url = format!("https://{}/v1", listener.local_addr().unwrap());
    let provider = dialect.provider(&endpoint(base_url, Patience::default()));
    let answering = async {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    };
    let (_, error) = tokio::select! {
        heard = hear(&*provider, request()) => heard,
        () = answering => unreachable!(),
    };
    assert!(matches!(error, Some(ProviderError::Unavailable(Some(_)))), "{error:?}");
    Ok(())
}

/// The worst kind of endpoint: it closes the connections that it promised to keep.
pub async fn a_kept_connection_that_was_closed_meanwhile_is_replaced(
    dialect: &dyn Dialect,
) -> Verdict {
    for cut in [UpstreamScript::cut_fin, UpstreamScript::cut_rst] {
        let closing = answer(dialect, &["a"])?.end().delay(Duration::from_millis(2));
        let stage = always(dialect, Patience::default(), cut(closing)).await;
        for turn in 0..200 {
            let (events, error) = stage.hear().await;
            assert!(error.is_none(), "turn {turn}: {error:?}");
            assert_eq!(said(&events), "a", "turn {turn}");
            assert!(is_finished(&events), "turn {turn}");
        }
        assert!(stage.upstream.connections() > 100, "the endpoint closed nothing");
    }
    Ok(())
}

/// Not 200, and no error either.
pub async fn a_status_that_no_wire_has_breaks_the_protocol(dialect: &dyn Dialect) -> Verdict {
    for code in [201, 204, 206, 300, 304] {
        let stage = playing(dialect, [status(dialect, code), answer(dialect, &["a"])?]).await;
        let (_, error) = stage.hear().await;
        assert!(matches!(error, Some(ProviderError::Protocol(_))), "{code}: {error:?}");
        assert_eq!(stage.asked(), 1, "{code}");
    }
    Ok(())
}

/// The time for the first piece is for all tries together, and nobody waits for nothing.
pub async fn a_try_that_would_come_too_late_is_not_made(dialect: &dyn Dialect) -> Verdict {
    let wish = status(dialect, 429).header("retry-after", "2");
    let patience = Patience { first_token: Duration::from_secs(1), ..Patience::default() };
    let stage = playing_for(dialect, patience, [wish, answer(dialect, &["a"])?]).await;
    let started = Instant::now();
    let (_, error) = stage.hear().await;
    assert!(matches!(error, Some(ProviderError::RateLimited { .. })), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(stage.asked(), 1);
    Ok(())
}

/// Who does not want to try again does not.
pub async fn without_retries_the_first_fault_counts(dialect: &dyn Dialect) -> Verdict {
    let patience = Patience { retries: 0, ..Patience::default() };
    let scripts = [status(dialect, 500), answer(dialect, &["a"])?];
    let stage = playing_for(dialect, patience, scripts).await;
    let (_, error) = stage.hear().await;
    assert!(matches!(error, Some(ProviderError::Unavailable(_))), "{error:?}");
    assert_eq!(stage.asked(), 1);
    Ok(())
}

/// Two further tries, however far each came.
pub async fn tries_before_and_after_acceptance_are_counted_together(
    dialect: &dyn Dialect,
) -> Verdict {
    let broken = script(dialect, &[Say::Begin(None)])?.cut_fin();
    let fault = status(dialect, 500);
    let stage = playing(dialect, [fault, broken.clone(), broken, answer(dialect, &["a"])?]).await;
    let (events, error) = stage.hear().await;
    assert_eq!(events, []);
    assert!(matches!(error, Some(ProviderError::Disconnected(_))), "{error:?}");
    assert_eq!(stage.asked(), 3);
    Ok(())
}
