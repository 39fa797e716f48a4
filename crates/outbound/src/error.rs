//! How asking an endpoint fails.

type Source = Box<dyn std::error::Error + Send + Sync>;

/// The options of an endpoint cannot be used. The text never repeats a value.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Not a URL at all.
    #[error("the base URL is not a URL")]
    NotAUrl,
    /// A scheme beside `http` and `https`.
    #[error("the base URL must begin with http:// or https://")]
    Scheme,
    /// A user name or password within the URL, where logs and errors would repeat it.
    #[error("the base URL must not contain credentials; configure the key instead")]
    CredentialsInUrl,
    /// A key with characters that no header can carry.
    #[error("the key must be visible ASCII characters")]
    Key,
    /// The HTTP client cannot be made: as a rule the machine has no root certificates.
    #[error("the HTTPS client cannot be set up; are the system's root certificates installed?")]
    Client(#[source] Source),
}

/// No answer came to a request.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The address is of another scheme, host or port than the client was made for. Nothing was
    /// sent.
    #[error("the address is not of the configured endpoint")]
    Elsewhere,
    /// The connection was not accepted in time. Nothing was sent.
    #[error("the endpoint did not accept the connection in time")]
    ConnectTimeout,
    /// There is no connection to be had. Nothing was sent.
    #[error("the endpoint cannot be reached")]
    Unreachable(#[source] Source),
    /// The connection broke before the head of an answer; the endpoint may have seen the request.
    /// The usual reason is a connection that was kept and that the endpoint has closed since.
    #[error("the endpoint's connection broke before an answer")]
    Lost(#[source] Source),
}

/// The connection broke in the middle of a body.
#[derive(Debug, thiserror::Error)]
#[error("the endpoint's connection broke")]
pub struct ReadError(#[source] pub(crate) hyper::Error);

/// A document could not be fetched whole.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer came.
    #[error(transparent)]
    Unsent(#[from] SendError),
    /// The connection broke within the document.
    #[error(transparent)]
    Broken(#[from] ReadError),
    /// The document was not there within its time, connecting included.
    #[error("the endpoint did not send the document in time")]
    Late,
    /// The document is larger than it may be. No more of it was read.
    #[error("the document is larger than {max_bytes} bytes")]
    TooLarge {
        /// The most bytes that it may have.
        max_bytes: usize,
    },
}
