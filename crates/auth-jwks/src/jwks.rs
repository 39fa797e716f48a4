//! The keys of an issuer at any moment.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use loquat_auth::{Algorithm, AuthError, InvalidReason, KeySource, VerificationKey};
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    task::AbortHandle,
    time::{Instant, timeout},
};

use crate::{
    Fetch, KeyLocation,
    refresh::{COOL_DOWN, Refresher, STALE_AFTER, Shared, State},
};

/// How long a token whose key is unknown waits for the fetch that may bring it.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How many such tokens wait at a time, for each issuer.
pub const MAX_WAITING: usize = 256;

/// An issuer's keys cannot be followed with these algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Nothing could be checked.
    #[error("no algorithm is allowed: name at least one, such as RS256")]
    NoAlgorithm,
    /// What is published is no secret.
    #[error("{0} takes a secret, which nobody publishes: name an algorithm with public keys")]
    ForSecrets(Algorithm),
}

/// Why it cannot be told whether a token is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// There were no keys yet.
    #[error("the issuer's keys have not come yet")]
    NotLoaded,
    /// There are keys that are too old to be believed.
    #[error("the issuer's keys could not be fetched for a day")]
    Stale,
    /// The token's key is unknown, and the issuer has not said in time whether it is new.
    #[error("the issuer's keys did not come in time")]
    Late,
    /// The token's key is unknown, and as many others are waiting as may.
    #[error("too many tokens wait for their issuer's keys")]
    Busy,
}

/// The keys that an issuer publishes, kept fresh by a task of their own, which ends with it.
pub struct Jwks {
    algorithms: Vec<Algorithm>,
    shared: Arc<Shared>,
    waiting: Semaphore,
    task: AbortHandle,
}

/// Why a token's key was not found.
enum Miss {
    Invalid(InvalidReason),
    Unknown(Unknown),
}

impl From<Miss> for AuthError {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Invalid(reason) => reason.into(),
            Miss::Unknown(unknown) => Self::Unavailable(unknown.into()),
        }
    }
}

impl Jwks {
    /// Begins to fetch the keys, on this runtime. Only keys of these algorithms are used, and a token
    /// of another is refused before anything is looked up. `name` is the issuer's in the log.
    ///
    /// # Errors
    ///
    /// [`JwksError`] when there is no algorithm, or one that takes a secret.
    pub fn start(
        name: impl Into<String>,
        location: KeyLocation,
        algorithms: impl IntoIterator<Item = Algorithm>,
        fetch: Arc<dyn Fetch>,
        runtime: &Handle,
    ) -> Result<Self, JwksError> {
        let algorithms = Self::check(algorithms)?;
        let shared = Arc::new(Shared::default());
        // It is under way from the first moment, so that the first requests can wait for it.
        shared.state.send_modify(|state| state.is_fetching = true);
        let refresher = Refresher {
            name: name.into(),
            location,
            algorithms: algorithms.clone(),
            fetch,
            shared: Arc::clone(&shared),
        };
        let task = runtime.spawn(refresher.run()).abort_handle();
        Ok(Self { algorithms, shared, waiting: Semaphore::new(MAX_WAITING), task })
    }

    /// Checks what [`Jwks::start`] would be given.
    ///
    /// # Errors
    ///
    /// [`JwksError`] when there is no algorithm, or one that takes a secret.
    pub fn check(
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Result<Vec<Algorithm>, JwksError> {
        let mut algorithms: Vec<_> = algorithms.into_iter().collect();
        if let Some(secret) = algorithms.iter().find(|it| it.min_secret_bytes().is_some()) {
            return Err(JwksError::ForSecrets(*secret));
        }
        let mut seen = Vec::new();
        algorithms.retain(|it| {
            !seen.contains(it) && {
                seen.push(*it);
                true
            }
        });
        if algorithms.is_empty() { Err(JwksError::NoAlgorithm) } else { Ok(algorithms) }
    }

    /// Asks for a fetch, which comes if one may.
    fn ask(&self) {
        if may_be_asked(&self.shared.state.borrow()) {
            self.shared.asked.notify_one();
        }
    }

    /// Waits for the end of a fetch after so many of them.
    async fn wait(&self, fetches: u64) -> Result<(), Unknown> {
        let _place = self.waiting.try_acquire().map_err(|_| Unknown::Busy)?;
        let mut states = self.shared.state.subscribe();
        let ended = states.wait_for(|state| state.fetches > fetches);
        match timeout(PATIENCE, ended).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Unknown::Late),
        }
    }
}

#[async_trait]
impl KeySource for Jwks {
    async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<Arc<VerificationKey>>, AuthError> {
        if !self.algorithms.contains(&algorithm) {
            return Err(InvalidReason::Algorithm.into());
        }
        let (miss, fetches) = {
            let state = self.shared.state.borrow();
            match look(&state, kid, algorithm) {
                Ok(keys) => return Ok(keys),
                // Nothing new can have come since the last fetch that was allowed.
                Err(miss) if !state.is_fetching && !may_be_asked(&state) => return Err(miss.into()),
                Err(miss) => (miss, state.fetches),
            }
        };
        self.ask();
        match (self.wait(fetches).await, miss) {
            (Ok(()), _) => Ok(look(&self.shared.state.borrow(), kid, algorithm)?),
            // Why there were no keys says more than that they did not come now.
            (Err(_), Miss::Unknown(unknown)) | (Err(unknown), Miss::Invalid(_)) => {
                Err(Miss::Unknown(unknown).into())
            }
        }
    }

    /// The issuer may have put new material under an old id.
    fn doubt(&self) {
        self.ask();
    }

    fn is_ready(&self) -> bool {
        self.shared.state.borrow().known.is_some()
    }
}

impl Drop for Jwks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// True when a request may cause a fetch. While there are no keys at all it never does: then the clock
/// causes the next one no later than that.
fn may_be_asked(state: &State) -> bool {
    let is_over = |began: Instant| began.elapsed() >= COOL_DOWN;
    !state.is_fetching && state.began.is_none_or(is_over)
}

fn look(
    state: &State,
    kid: Option<&str>,
    algorithm: Algorithm,
) -> Result<Vec<Arc<VerificationKey>>, Miss> {
    let known = state.known.as_ref().ok_or(Miss::Unknown(Unknown::NotLoaded))?;
    if known.as_of.elapsed() > STALE_AFTER {
        return Err(Miss::Unknown(Unknown::Stale));
    }
    known.keys.find(kid, algorithm).map_err(Miss::Invalid)
}
