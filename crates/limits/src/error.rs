//! Why something was not admitted.

use std::{error::Error, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use loquat_store::StoreError;

use crate::Standing;

/// Why a request was not admitted, or an amount not set aside. After an error nothing is taken.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// A limit is reached.
    #[error("the limit of {} is reached", standing.key.meter.as_str())]
    Reached {
        /// Which, and what is left of it, which is less than what was asked for.
        standing: Standing,
        /// When to come again: soon where what others have set aside will come back, else when the
        /// minute, day or month is over; `None` for what is more than the whole limit.
        retry_after: Option<Duration>,
    },
    /// The store did not say what is left.
    #[error("what is left of a limit could not be read")]
    Store(#[source] StoreError),
}

impl From<StoreError> for LimitError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One failure, told to everybody who waited.
#[derive(Debug, Clone)]
pub(crate) struct Failed(Arc<StoreError>);

impl Failed {
    pub(crate) fn new(error: StoreError) -> Self {
        Self(Arc::new(error))
    }

    /// Whether it is not known what has taken place.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(*self.0, StoreError::Unavailable(_))
    }

    pub(crate) fn to_error(&self) -> StoreError {
        if self.is_ambiguous() {
            StoreError::Unavailable(Box::new(self.clone()))
        } else {
            StoreError::Internal(Box::new(self.clone()))
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Why this crate itself calls the store unavailable.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error("too many requests wait for the store")]
    Crowded,
    #[error("nobody asks the store any more")]
    GivenUp,
    #[error("the store has not answered to everything that it was asked")]
    Silent,
    #[error("the call of the store has panicked")]
    Panicked,
}

impl From<Unavailable> for StoreError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(Box::new(unavailable))
    }
}

/// What a call of the store came to; a panic is a failure of which nothing is known.
pub(crate) async fn caught<T>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Failed> {
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(result) => result.map_err(Failed::new),
        Err(_) => Err(Failed::new(Unavailable::Panicked.into())),
    }
}
