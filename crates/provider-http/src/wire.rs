//! What a wire brings.

use std::{collections::VecDeque, time::Duration};

use http::{StatusCode, Uri};
use loquat_domain::Usage;
use loquat_provider::{ChatRequest, ProviderError, ProviderEvent};

use crate::{ErrorReport, Frame, Pause, Refusal};

/// How one kind of endpoint is spoken to.
///
/// The answer is a stream of server-sent events with status 200; everything else about the
/// transport is the same for every wire and dealt with here.
pub trait Wire: Send + Sync + 'static {
    /// Reads one answer.
    type Translator: Translator;

    /// The largest event that is read, in bytes; 1 MiB, which is many times the pieces in which
    /// answers come. A wire that repeats a whole answer in one event needs more.
    const MAX_EVENT_BYTES: usize = 1024 * 1024;

    /// The request as the endpoint wants it.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Rejected`] with status 0 when the wire has no words for what is asked.
    /// Nothing is sent then.
    fn write(&self, request: &ChatRequest) -> Result<Outgoing, ProviderError>;

    /// A reader for a new answer; each attempt has its own.
    fn translator(&self) -> Self::Translator;

    /// What a status other than 200 means. `wait` is how long the endpoint wants us to wait, `body`
    /// the beginning of what it said. The words are to be classified, never passed on.
    fn refusal(&self, status: StatusCode, wait: Option<Duration>, body: &[u8]) -> Refusal {
        ErrorReport::read(body).refusal(status, wait)
    }

    /// The request's body once more, without whatever the endpoint has just refused with
    /// [`Pause::Rewritten`]; `None` when there is nothing to leave out. Each time something must go,
    /// because the endpoint is asked as long as there is a body.
    fn rewrite(&self, _body: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// A request, written.
pub struct Outgoing {
    /// Where it goes: an address of the endpoint that the provider was made for.
    pub uri: Uri,
    /// What it says, as JSON.
    pub body: Vec<u8>,
}

/// Reads one answer's frames in order.
pub trait Translator: Send + 'static {
    /// Appends what the frame says to `out`: content events, and
    /// [`Finished`](ProviderEvent::Finished) once. [`Usage`](ProviderEvent::Usage) is never among
    /// them; it is asked for. No event is empty.
    ///
    /// # Errors
    ///
    /// What the frame reports, or [`ProviderError::Protocol`]. The answer is over then.
    fn frame(
        &mut self,
        frame: &Frame,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<Said, ProviderError>;

    /// True once the model has said why it stopped.
    fn is_finished(&self) -> bool;

    /// What the endpoint has said so far that was used; its last word counts.
    fn usage(&self) -> Option<Usage>;

    /// What should lie between an attempt that a frame has ended before the first event, and the
    /// next.
    fn pause(&self) -> Pause {
        Pause::Backoff
    }
}

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// There is more to come.
    More,
    /// Nothing that counts follows.
    All,
}
