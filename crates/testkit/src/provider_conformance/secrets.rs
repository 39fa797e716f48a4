//! The key goes to its endpoint and nowhere else.

use std::error::Error;

use loquat_provider::ProviderError;

use super::{
    Dialect, Patience, UpstreamFault, Verdict,
    hear::{KEY, QUESTION, always, answer, beginning, playing_for, whole},
};
use crate::{ScriptedUpstream, UpstreamScript};

/// It is in one header, and neither in the address nor in the body.
pub async fn the_key_goes_to_its_endpoint(dialect: &dyn Dialect) -> Verdict {
    let stage = always(dialect, Patience::default(), answer(dialect, &["a"])?).await;
    whole(stage.hear().await);
    let request = stage.upstream.requests().remove(0);
    let carriers = request.headers.iter().filter(|(_, value)| value.contains(KEY)).count();
    assert_eq!(carriers, 1);
    assert!(!request.target.contains(KEY));
    assert!(!String::from_utf8_lossy(&request.body).contains(KEY));
    Ok(())
}

/// Whatever it is called: moved, found, see other, temporary, permanent.
pub async fn a_redirect_is_refused_and_its_target_sees_nothing(dialect: &dyn Dialect) -> Verdict {
    for status in [301, 302, 303, 307, 308] {
        let script = answer(dialect, &["a"])?;
        let elsewhere = ScriptedUpstream::always(script).await.expect("a free port");
        let words = dialect.error_document(UpstreamFault::Other, "moved");
        let moved = UpstreamScript::json(status, &words).header("location", &elsewhere.base_url());
        let stage = always(dialect, Patience::default(), moved).await;
        let (events, error) = stage.hear().await;
        assert_eq!(events, []);
        assert!(matches!(error, Some(ProviderError::Protocol(_))), "{status}: {error:?}");
        assert_eq!((stage.asked(), elsewhere.connections()), (1, 0), "{status}");
    }
    Ok(())
}

/// Endpoints repeat what they are told; errors do not.
pub async fn neither_key_nor_question_nor_the_endpoint_s_words_are_in_an_error(
    dialect: &dyn Dialect,
) -> Verdict {
    let words = format!("Incorrect API key provided: {KEY}. You said: {QUESTION}");
    let document = dialect.error_document(UpstreamFault::Other, &words);
    let mut scripts: Vec<_> =
        [400, 401, 404, 429, 500].map(|status| UpstreamScript::json(status, &document)).into();
    scripts.push(UpstreamScript::sse().data_text(&words));
    scripts.push(UpstreamScript::sse().data(&document));
    scripts.push(beginning(dialect, &["a"])?.data(&document).cut_fin());
    scripts.push(beginning(dialect, &["a"])?.cut_fin());
    let faults = scripts.len();
    let patience = Patience { retries: 0, ..Patience::default() };
    let stage = playing_for(dialect, patience, scripts).await;
    for _ in 0..faults {
        assert_clean(&stage.hear().await.1.expect("an error"));
    }
    let super::hear::Stage { upstream, provider } = stage;
    drop(upstream);
    let (_, error) = super::hear::hear(&*provider, super::hear::request()).await;
    assert_clean(&error.expect("an error"));
    Ok(())
}

/// Looks at both forms of the error and of everything beneath it.
fn assert_clean(error: &ProviderError) {
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(error) = next {
        for text in [format!("{error}"), format!("{error:?}")] {
            for secret in [KEY, QUESTION, "Incorrect"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
        next = error.source();
    }
}
