//! Fetches the keys, now and again.

use std::{error::Error, ops::RangeInclusive, sync::Arc, time::Duration};

use loquat_auth::{Algorithm, KeySet};
use serde::Deserialize;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};

use crate::{
    Document, Fetch, FetchError, KeyLocation, KeySetError, LocationError, MAX_FETCH_TIME, key_set,
    location::{Place, checked},
};

/// The least time between a fetch and another one that a request asks for.
pub const COOL_DOWN: Duration = Duration::from_secs(30);

/// How long keys can be taken for fresh, by what their issuer says.
pub const FRESH: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_mins(15);

/// How long keys are believed after the last time that they could be fetched. As long as a token
/// lives at most: whoever can sign in by then does not need them any more.
pub const STALE_AFTER: Duration = Duration::from_hours(24);

/// How long keys are taken for fresh when their issuer says nothing.
const USUALLY_FRESH: Duration = Duration::from_mins(5);

/// The pause after the first failed fetch while there are no keys at all; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Keys that did not come.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the document did not come in time")]
    Late,
    #[error("the issuer's configuration cannot be read")]
    NotAConfiguration(#[source] serde_json::Error),
    #[error("the issuer's configuration names another issuer")]
    OtherIssuer,
    #[error("the issuer's configuration names a place that keys cannot come from")]
    KeysElsewhere(#[source] LocationError),
    #[error(transparent)]
    KeySet(#[from] KeySetError),
}

/// What is known at a moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) known: Option<Known>,
    /// When the last fetch began; none before the first one.
    pub(crate) began: Option<Instant>,
    /// True while one is under way.
    pub(crate) is_fetching: bool,
    /// How many have come to an end.
    pub(crate) fetches: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) keys: Arc<KeySet>,
    /// When the fetch began that has last brought keys.
    pub(crate) as_of: Instant,
}

/// What the one who fetches and those who wait for him share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) state: watch::Sender<State>,
    pub(crate) asked: Notify,
}

/// Fetches the keys of one issuer for as long as it is polled.
pub(crate) struct Refresher {
    /// The issuer's name, for the log.
    pub(crate) name: String,
    pub(crate) location: KeyLocation,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) fetch: Arc<dyn Fetch>,
    pub(crate) shared: Arc<Shared>,
}

impl Refresher {
    pub(crate) async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            self.shared.state.send_modify(|state| {
                state.began = Some(began);
                state.is_fetching = true;
            });
            let loaded = self.load().await;
            let next = match &loaded {
                Ok((_, fresh)) => *fresh,
                Err(_) if self.shared.state.borrow().known.is_some() => COOL_DOWN,
                Err(_) => {
                    let now = pause;
                    pause = (pause * 2).min(COOL_DOWN);
                    now
                }
            };
            self.tell(&loaded);
            self.shared.state.send_modify(|state| {
                state.is_fetching = false;
                state.fetches += 1;
                if let Ok((keys, _)) = loaded {
                    state.known = Some(Known { keys: Arc::new(keys), as_of: began });
                }
            });
            tokio::select! {
                () = sleep_until(Instant::now() + next) => {}
                () = self.asked_after(began + COOL_DOWN) => {}
            }
        }
    }

    /// Waits for somebody who asks no earlier than this. A wish from before is forgotten.
    async fn asked_after(&self, earliest: Instant) {
        loop {
            self.shared.asked.notified().await;
            if Instant::now() >= earliest {
                return;
            }
        }
    }

    /// The keys, and how long they are fresh.
    async fn load(&self) -> Result<(KeySet, Duration), RefreshError> {
        let url = match &self.location.0 {
            Place::At(url) => url.clone(),
            Place::Discovered { document, issuer } => {
                let configuration = self.get(document).await?;
                let configuration: Configuration = serde_json::from_slice(&configuration.body)
                    .map_err(RefreshError::NotAConfiguration)?;
                if configuration.issuer != *issuer {
                    return Err(RefreshError::OtherIssuer);
                }
                let url = checked(&configuration.jwks_uri).map_err(RefreshError::KeysElsewhere)?;
                // Only an issuer on this machine may send us to this machine.
                if document.is_https() && !url.is_https() {
                    return Err(RefreshError::KeysElsewhere(LocationError::NotEncrypted));
                }
                url
            }
        };
        let document = self.get(&url).await?;
        let fresh = document.max_age.unwrap_or(USUALLY_FRESH);
        let keys = key_set::read(&document.body, &self.algorithms)?;
        Ok((keys, fresh.clamp(*FRESH.start(), *FRESH.end())))
    }

    async fn get(&self, url: &loquat_outbound::BaseUrl) -> Result<Document, RefreshError> {
        let fetched = timeout(MAX_FETCH_TIME, self.fetch.fetch(url)).await;
        Ok(fetched.map_err(|_| RefreshError::Late)??)
    }

    /// Nobody waits for most fetches, so that only the log can tell how they went.
    fn tell(&self, loaded: &Result<(KeySet, Duration), RefreshError>) {
        let issuer = self.name.as_str();
        let state = self.shared.state.borrow();
        match (loaded, &state.known) {
            (Ok(_), None) => tracing::info!(issuer, "an issuer's keys are there"),
            (Ok(_), Some(_)) => tracing::debug!(issuer, "an issuer's keys were fetched again"),
            (Err(error), None) => {
                let error: &dyn Error = error;
                tracing::error!(
                    issuer,
                    error,
                    "an issuer's keys cannot be fetched; its tokens cannot be checked"
                );
            }
            (Err(error), Some(known)) => {
                let age_seconds = known.as_of.elapsed().as_secs();
                let error: &dyn Error = error;
                tracing::warn!(
                    issuer,
                    age_seconds,
                    error,
                    "an issuer's keys cannot be fetched; the last ones are used"
                );
            }
        }
    }
}

/// What is read of an issuer's configuration (Discovery 1.0 §3).
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}
