//! A token that somebody else keeps fresh in a file.

use std::{
    fmt,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use loquat_outbound::secret_header;
use loquat_provider::ProviderError;
use loquat_provider_http::Credentials;
use secrecy::SecretString;
use tokio::{sync::Mutex, time::Instant};

/// How long a token is used before the file is looked at again. Entra's tokens live for an hour or
/// more and are renewed minutes before their end.
const MAX_AGE: Duration = Duration::from_secs(5);

/// The longest file that is read, in bytes. Entra's tokens have 2 to 4 KiB; no header takes more than
/// some ten.
const MAX_TOKEN_BYTES: u64 = 16 * 1024;

/// The file with the token, which a sidecar, an agent or a job renews. White space around the token
/// does not count.
///
/// It is read when a request is made, and used for 5 s before it is read again. While it cannot be read,
/// or holds no token, because somebody is writing it anew, the last token is used; if there has been none,
/// that is [`ProviderError::Authentication`].
#[derive(Clone)]
pub struct TokenFile {
    path: Arc<Path>,
    max_age: Duration,
}

impl TokenFile {
    /// The file at `path`, which need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into().into(), max_age: MAX_AGE }
    }

    /// Sets how long a token is used before the file is read again.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFile").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

/// The header made of the token, as fresh as it has to be.
pub(crate) struct TokenHeader {
    file: TokenFile,
    /// The last one, and when it was read. Held while the file is read, so that requests that come
    /// together read it once.
    last: Mutex<Option<(HeaderValue, Instant)>>,
}

impl TokenHeader {
    pub(crate) fn new(file: TokenFile) -> Self {
        Self { file, last: Mutex::new(None) }
    }
}

#[async_trait]
impl Credentials for TokenHeader {
    async fn header(&self) -> Result<(HeaderName, HeaderValue), ProviderError> {
        let mut last = self.last.lock().await;
        let fresh = last.as_ref().filter(|(_, read_at)| read_at.elapsed() < self.file.max_age);
        if let Some((header, _)) = fresh {
            return Ok((AUTHORIZATION, header.clone()));
        }
        let path = Arc::clone(&self.file.path);
        let read = tokio::task::spawn_blocking(move || read(&path));
        // A task that panicked has read nothing.
        if let Some(header) = read.await.ok().flatten() {
            *last = Some((header, Instant::now()));
        }
        let (header, _) = last.as_ref().ok_or(ProviderError::Authentication)?;
        Ok((AUTHORIZATION, header.clone()))
    }
}

/// The file's token as a header; `None` when there is none to be had. Why is not said: nothing of the
/// file shall be told.
fn read(path: &Path) -> Option<HeaderValue> {
    let mut text = String::new();
    let mut file = File::open(path).ok()?.take(MAX_TOKEN_BYTES + 1);
    let length = file.read_to_string(&mut text).ok()?;
    let fits = u64::try_from(length).is_ok_and(|length| length <= MAX_TOKEN_BYTES);
    let token = SecretString::from(text.trim());
    let is_empty = text.trim().is_empty();
    if is_empty || !fits { None } else { secret_header("Bearer ", &token).ok() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn header(file: &TokenHeader) -> Option<String> {
        let (name, value) = file.header().await.ok()?;
        assert_eq!(name, AUTHORIZATION);
        assert!(value.is_sensitive());
        Some(value.to_str().unwrap().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_read_again_after_its_time_and_not_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "one\n").unwrap();
        let file = TokenHeader::new(TokenFile::new(&path));
        assert_eq!(header(&file).await.as_deref(), Some("Bearer one"));
        fs::write(&path, "two").unwrap();
        assert_eq!(header(&file).await.as_deref(), Some("Bearer one"));
        tokio::time::advance(MAX_AGE).await;
        assert_eq!(header(&file).await.as_deref(), Some("Bearer two"));
    }

    #[tokio::test]
    async fn what_is_no_token_is_a_fault_of_the_credentials_and_is_looked_at_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let file = TokenHeader::new(TokenFile::new(&path));
        let too_long = "x".repeat(17 << 10);
        for bad in [None, Some(""), Some(" \n"), Some("a\nb"), Some("ü"), Some(&*too_long)] {
            if let Some(text) = bad {
                fs::write(&path, text).unwrap();
            }
            let error = file.header().await.unwrap_err();
            assert!(matches!(error, ProviderError::Authentication), "{bad:?}: {error:?}");
        }
        fs::write(&path, "good").unwrap();
        assert_eq!(header(&file).await.as_deref(), Some("Bearer good"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_token_does_while_the_file_is_written_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "one").unwrap();
        let file = TokenHeader::new(TokenFile::new(&path));
        assert_eq!(header(&file).await.as_deref(), Some("Bearer one"));
        tokio::time::advance(MAX_AGE).await;
        fs::write(&path, "").unwrap();
        assert_eq!(header(&file).await.as_deref(), Some("Bearer one"));
        fs::remove_file(&path).unwrap();
        assert_eq!(header(&file).await.as_deref(), Some("Bearer one"));
        fs::write(&path, "two").unwrap();
        assert_eq!(header(&file).await.as_deref(), Some("Bearer two"), "looked at each time");
    }

    #[test]
    fn neither_path_nor_token_is_printed() {
        let file = TokenFile::new("/run/canary/token");
        assert!(!format!("{file:?}").contains("canary"));
    }
}
