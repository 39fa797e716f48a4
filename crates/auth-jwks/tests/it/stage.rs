//! An issuer, whose documents are handed over without a socket or with one, and a verifier that
//! believes it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use loquat_auth::{
    Algorithm, AuthError, ClaimPath, InvalidReason, IssuerRules, JwtVerifier, Principal,
    TenantSource, TokenVerifier,
};
use loquat_auth_jwks::{
    COOL_DOWN, Document, Fetch, FetchError, HttpFetch, Jwks, KeyLocation, Unknown,
};
use loquat_outbound::BaseUrl;
use loquat_testkit::{IdentityAlgorithm, IdentityServer};
use serde_json::{Value, json};
use tokio::{runtime::Handle, time::Instant};

/// Where the issuer's keys are when no socket is.
pub(crate) const KEYS_URL: &str = "https://id.example/keys";

pub(crate) const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

/// What is handed over.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Document(Value),
    Text(&'static str),
    Fails,
    Stalls,
}

/// Hands documents over, and notes when it was asked for which.
#[derive(Debug)]
pub(crate) struct Desk {
    answer: Mutex<Answer>,
    max_age: Mutex<Option<Duration>>,
    asked: Mutex<Vec<(Instant, String)>>,
}

impl Desk {
    pub(crate) fn new(answer: Answer) -> Arc<Self> {
        let (max_age, asked) = (Mutex::default(), Mutex::default());
        Arc::new(Self { answer: Mutex::new(answer), max_age, asked })
    }

    pub(crate) fn hand_over(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// What the server publishes at this moment.
    pub(crate) fn publish(&self, server: &IdentityServer) {
        self.hand_over(keys_of(server));
    }

    pub(crate) fn says_max_age(&self, seconds: u64) {
        *self.max_age.lock().unwrap() = Some(Duration::from_secs(seconds));
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// For which addresses.
    pub(crate) fn asked_for(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(_, url)| url.clone()).collect()
    }

    /// The seconds between one time that it was asked and the next.
    pub(crate) fn pauses(&self) -> Vec<u64> {
        let asked = self.asked.lock().unwrap();
        asked.windows(2).map(|two| (two[1].0 - two[0].0).as_secs()).collect()
    }
}

pub(crate) fn keys_of(server: &IdentityServer) -> Answer {
    Answer::Document(json!({ "keys": server.published(|keys| keys.clone()) }))
}

#[async_trait]
impl Fetch for Desk {
    async fn fetch(&self, url: &BaseUrl) -> Result<Document, FetchError> {
        self.asked.lock().unwrap().push((Instant::now(), url.as_str().to_owned()));
        let answer = self.answer.lock().unwrap().clone();
        let body = match answer {
            Answer::Document(document) => document.to_string().into(),
            Answer::Text(text) => text.into(),
            Answer::Fails => return Err(FetchError::Failed("no route to host".into())),
            Answer::Stalls => return std::future::pending().await,
        };
        Ok(Document { body, max_age: *self.max_age.lock().unwrap() })
    }
}

/// A verifier whose keys come from the desk.
pub(crate) fn verifier(server: &IdentityServer, desk: &Arc<Desk>) -> JwtVerifier {
    let location = KeyLocation::at(KEYS_URL).unwrap();
    let fetch: Arc<dyn Fetch> = desk.clone();
    let jwks = Jwks::start("test", location, ALL, fetch, &Handle::current()).unwrap();
    JwtVerifier::of_issuer(Arc::new(jwks), rules(server))
}

/// A verifier that looks for the keys over the network, beginning with the issuer's name.
pub(crate) fn discovering(server: &IdentityServer) -> JwtVerifier {
    let location = KeyLocation::discovered(&server.issuer()).unwrap();
    let fetch = Arc::new(HttpFetch);
    let jwks = Jwks::start("test", location, ALL, fetch, &Handle::current()).unwrap();
    JwtVerifier::of_issuer(Arc::new(jwks), rules(server))
}

pub(crate) fn rules(server: &IdentityServer) -> IssuerRules {
    let tenant: ClaimPath = "tenant".parse().unwrap();
    IssuerRules::new(&server.issuer(), ["loquat"], TenantSource::Claim(tenant)).unwrap()
}

/// An identity server, a desk with its keys, and a verifier that has them.
pub(crate) async fn known_issuer() -> (IdentityServer, Arc<Desk>, JwtVerifier) {
    let server = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
    let desk = Desk::new(keys_of(&server));
    let verifier = verifier(&server, &desk);
    believed(&verifier, &server.token(&json!({})), "the first token").await;
    (server, desk, verifier)
}

/// What the verifier says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Believed(Box<Principal>),
    Refused(InvalidReason),
    /// It cannot be told.
    Unavailable(Unknown),
}

pub(crate) async fn verdict(verifier: &JwtVerifier, token: &str) -> Verdict {
    match verifier.verify(token).await {
        Ok(principal) => Verdict::Believed(Box::new(principal)),
        Err(AuthError::Invalid(reason)) => Verdict::Refused(reason),
        Err(AuthError::Unavailable(source)) => {
            Verdict::Unavailable(*source.downcast_ref::<Unknown>().unwrap())
        }
    }
}

pub(crate) async fn believed(verifier: &JwtVerifier, token: &str, row: &str) -> Principal {
    match verdict(verifier, token).await {
        Verdict::Believed(principal) => *principal,
        other => panic!("{row}: {other:?}"),
    }
}

pub(crate) async fn refused(verifier: &JwtVerifier, token: &str, reason: InvalidReason, row: &str) {
    assert_eq!(verdict(verifier, token).await, Verdict::Refused(reason), "{row}");
}

/// Lets so much time pass that requests may cause a fetch again, in a test whose clock goes on.
pub(crate) async fn cool_down() {
    tokio::time::pause();
    tokio::time::advance(COOL_DOWN).await;
    tokio::time::resume();
}

/// Lets time pass, in a test whose clock stands still.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
