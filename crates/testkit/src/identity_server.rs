//! An identity provider that a test has in its hand.

mod key;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{Framing, ScriptedUpstream, UpstreamRequest, UpstreamScript, UpstreamStep};

pub use key::IdentityAlgorithm;

use key::IdentityKey;

const DISCOVERY: &str = "/realm/.well-known/openid-configuration";
const KEYS: &str = "/realm/keys";

/// What one of the server's documents is answered with.
#[derive(Debug, Clone)]
pub enum IdentityAnswer {
    /// The document as it should be.
    Right,
    /// Another document, with status 200.
    Document(Value),
    /// Any text in the document's place, with status 200.
    Text(String),
    /// A status without a document.
    Status(u16),
    /// 302 to this address.
    Redirect(String),
    /// 100 MB of spaces.
    Endless,
    /// Nothing, until the client gives up.
    Silence,
    /// A part of the document, and then the connection ends.
    CutShort,
}

struct State {
    issuer: String,
    discovery: IdentityAnswer,
    keys_answer: IdentityAnswer,
    cache_control: Option<String>,
    signing: Arc<IdentityKey>,
    published: Vec<Value>,
}

/// A small OpenID provider on loopback: it publishes its configuration and its keys, mints tokens,
/// exchanges its keys, and answers wrongly when it is told to.
///
/// Its issuer is `http://127.0.0.1:PORT/realm`. Dropping it closes everything.
pub struct IdentityServer {
    http: ScriptedUpstream,
    state: Arc<Mutex<State>>,
}

impl IdentityServer {
    /// With one key, `key-1`.
    ///
    /// # Errors
    ///
    /// When no loopback port can be had.
    pub async fn start(algorithm: IdentityAlgorithm) -> io::Result<Self> {
        let key = IdentityKey::new("key-1", algorithm);
        let state = State {
            issuer: String::new(),
            discovery: IdentityAnswer::Right,
            keys_answer: IdentityAnswer::Right,
            cache_control: None,
            published: vec![key.jwk()],
            signing: Arc::new(key),
        };
        let state = Arc::new(Mutex::new(state));
        let answers = Arc::clone(&state);
        let http = ScriptedUpstream::choosing(move |request| answer(&lock(&answers), request));
        let http = http.await?;
        lock(&state).issuer = format!("http://{}/realm", http.address());
        Ok(Self { http, state })
    }

    /// What stands in the claim `iss` of its tokens.
    pub fn issuer(&self) -> String {
        lock(&self.state).issuer.clone()
    }

    /// Where its keys are.
    pub fn keys_url(&self) -> String {
        format!("http://{}{KEYS}", self.http.address())
    }

    /// Claims of a token for ada of the tenant acme, valid for ten minutes, for the audience
    /// `loquat`; `changes` are added to them, or take their place, and null removes.
    ///
    /// # Panics
    ///
    /// When `changes` is not an object.
    pub fn claims(&self, changes: &Value) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut claims = json!({
            "iss": self.issuer(),
            "aud": "loquat",
            "sub": "ada",
            "tenant": "acme",
            "iat": now,
            "exp": now + 600,
        });
        merge(&mut claims, changes);
        claims
    }

    /// A token with these claims in the place of the usual ones (see [`IdentityServer::claims`]),
    /// signed with the newest key.
    pub fn token(&self, changes: &Value) -> String {
        self.token_with(&json!({}), &self.claims(changes))
    }

    /// A token with exactly these claims, whose header is the usual one with these changes.
    pub fn token_with(&self, header_changes: &Value, claims: &Value) -> String {
        let key = Arc::clone(&lock(&self.state).signing);
        let mut header = json!({"alg": key.algorithm.name(), "typ": "JWT", "kid": key.kid});
        merge(&mut header, header_changes);
        let message = [header, claims.clone()].map(|it| URL_SAFE_NO_PAD.encode(it.to_string()));
        let message = message.join(".");
        let signature = key.sign(&message);
        format!("{message}.{signature}")
    }

    /// Makes a key, publishes it beside the others and signs with it from now on. A key id that is
    /// published already stays there with its old material until that is withdrawn.
    pub fn rotate(&self, kid: &str, algorithm: IdentityAlgorithm) {
        let key = IdentityKey::new(kid, algorithm);
        let mut state = lock(&self.state);
        state.published.push(key.jwk());
        state.signing = Arc::new(key);
    }

    /// Takes all keys of this id out of what is published.
    pub fn withdraw(&self, kid: &str) {
        lock(&self.state).published.retain(|key| key.get("kid") != Some(&json!(kid)));
    }

    /// What is published, to be changed at will.
    pub fn published<R>(&self, change: impl FnOnce(&mut Vec<Value>) -> R) -> R {
        change(&mut lock(&self.state).published)
    }

    /// How its configuration is answered from now on.
    pub fn answer_discovery(&self, answer: IdentityAnswer) {
        lock(&self.state).discovery = answer;
    }

    /// How its keys are answered from now on.
    pub fn answer_keys(&self, answer: IdentityAnswer) {
        lock(&self.state).keys_answer = answer;
    }

    /// What `Cache-Control` says beside its keys from now on.
    pub fn cache_control(&self, value: &str) {
        lock(&self.state).cache_control = Some(value.to_owned());
    }

    /// How often its configuration was asked for.
    pub fn discovery_requests(&self) -> usize {
        self.requests_of(DISCOVERY)
    }

    /// How often its keys were asked for.
    pub fn key_requests(&self) -> usize {
        self.requests_of(KEYS)
    }

    /// Everything that it was asked, also for what it does not have.
    pub fn requests(&self) -> Vec<UpstreamRequest> {
        self.http.requests()
    }

    fn requests_of(&self, path: &str) -> usize {
        self.http.requests().iter().filter(|request| request.path() == path).count()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(state: &State, request: &UpstreamRequest) -> UpstreamScript {
    match request.path() {
        DISCOVERY => {
            let issuer = &state.issuer;
            let right = json!({
                "issuer": issuer,
                "jwks_uri": format!("{issuer}/keys"),
                "authorization_endpoint": format!("{issuer}/auth"),
                "token_endpoint": format!("{issuer}/token"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            });
            script(&state.discovery, &right)
        }
        KEYS => {
            let script = script(&state.keys_answer, &json!({ "keys": state.published }));
            match &state.cache_control {
                Some(value) => script.header("cache-control", value),
                None => script,
            }
        }
        _ => UpstreamScript::json(404, &json!({"error": "not_found"})),
    }
}

fn script(answer: &IdentityAnswer, right: &Value) -> UpstreamScript {
    let head = |status, headers: &[(&str, &str)], framing| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        UpstreamScript::new([UpstreamStep::Head { status, headers: headers.collect(), framing }])
    };
    match answer {
        IdentityAnswer::Right => UpstreamScript::json(200, right),
        IdentityAnswer::Document(document) => UpstreamScript::json(200, document),
        IdentityAnswer::Text(text) => {
            head(200, &[("content-type", "text/html")], Framing::Chunked).body(text.clone())
        }
        IdentityAnswer::Status(status) => UpstreamScript::json(*status, right),
        IdentityAnswer::Redirect(to) => {
            UpstreamScript::json(302, right).header("location", to.as_str())
        }
        IdentityAnswer::Endless => {
            let mebibyte = bytes::Bytes::from(vec![b' '; 1024 * 1024]);
            let json = head(200, &[("content-type", "application/json")], Framing::Chunked);
            (0..100).fold(json, |script, _| script.body(mebibyte.clone()))
        }
        IdentityAnswer::Silence => UpstreamScript::silence(),
        IdentityAnswer::CutShort => {
            let text = right.to_string();
            let half = text.get(..text.len() / 2).unwrap_or_default().to_owned();
            head(200, &[("content-type", "application/json")], Framing::Chunked)
                .body(half)
                .cut_fin()
        }
    }
}

/// Puts members into an object; null removes one.
fn merge(object: &mut Value, changes: &Value) {
    let (Some(members), Some(changes)) = (object.as_object_mut(), changes.as_object()) else {
        panic!("only the members of objects can be changed")
    };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
}
