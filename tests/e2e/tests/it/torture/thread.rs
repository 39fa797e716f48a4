//! A conversation of turns that may have been cut off, and the arithmetic that says whether
//! anything of it was lost, doubled or mixed up.

use std::time::{Duration, Instant};

use loquat_testkit::ResponsesStreamChecker;
use serde_json::{Value, json};

use super::speech::{Speaker, Speech};
use crate::harness::{Answer, Client, Exchange, Request};

/// What is shown is stored within a second, give or take a round of writing on a machine that has
/// other things to do.
const STORED_WITHIN: Duration = Duration::from_millis(1_500);

/// Between two looks at what has to change.
const PAUSE: Duration = Duration::from_millis(50);

/// How a turn is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `/v1/responses`, streamed.
    Events,
    /// The same with a key, and asked for again afterwards.
    Keyed,
    /// `/chat/stream`
    Text,
    /// `/v1/responses`, as one piece.
    Whole,
    /// In the background, and followed.
    Background,
}

impl Way {
    pub(crate) const ALL: [Self; 5] =
        [Self::Events, Self::Keyed, Self::Text, Self::Whole, Self::Background];
}

/// What goes on: a conversation, or a chain of responses.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Conversation(String),
    /// After this response; nothing was said before when there is none.
    Chain(Option<String>),
}

/// Turns that follow one another.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) place: Place,
    pub(crate) turns: Vec<Turn>,
    /// How many of them have been checked.
    checked: usize,
}

/// A turn as its client saw it.
#[derive(Debug)]
pub(crate) struct Turn {
    speech: Speech,
    way: Way,
    request: Request,
    /// Status of the answer, when its head came.
    status: Option<u16>,
    response: Option<String>,
    /// What came of the body, and when.
    body: Vec<u8>,
    arrived: Vec<(Instant, usize)>,
    whole: bool,
}

impl Thread {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, turns: Vec::new(), checked: 0 }
    }

    /// Asks for a speech and takes in what comes. False when that was cut off.
    pub(crate) async fn ask(&mut self, client: &Client, speech: Speech, way: Way) -> bool {
        let request = self.request(&speech, way);
        let mut turn = Turn {
            speech,
            way,
            request,
            status: None,
            response: None,
            body: Vec::new(),
            arrived: Vec::new(),
            whole: false,
        };
        turn.run(client).await;
        if let (Place::Chain(last), Some(_)) = (&mut self.place, &turn.response) {
            last.clone_from(&turn.response);
        }
        let whole = turn.whole;
        self.turns.push(turn);
        whole
    }

    fn request(&self, speech: &Speech, way: Way) -> Request {
        let message = speech.message();
        if let (Way::Text, Place::Conversation(id)) = (way, &self.place) {
            let body = json!({"message": message, "conversation_id": id});
            return Request::post("/chat/stream", body);
        }
        let mut body = json!({"input": message});
        match &self.place {
            Place::Conversation(id) => body["conversation"] = json!(id),
            Place::Chain(None) => {}
            Place::Chain(Some(id)) => body["previous_response_id"] = json!(id),
        }
        match way {
            Way::Whole => {}
            Way::Background => body["background"] = json!(true),
            Way::Events | Way::Keyed | Way::Text => body["stream"] = json!(true),
        }
        let request = Request::post("/v1/responses", body);
        if way == Way::Keyed { request.once(&speech.name) } else { request }
    }
}

impl Turn {
    async fn run(&mut self, client: &Client) {
        let Some(exchange) = client.attempt(&self.request).await else { return };
        self.status = Some(exchange.status());
        let header = exchange.header("x-response-id").map(str::to_owned);
        let exchange = self.take_in(exchange).await;
        self.response = header.or_else(|| response_id(exchange.bytes()));
        if self.way != Way::Background || !self.whole {
            return;
        }
        self.forget();
        let Some(id) = &self.response else { return };
        let follow = Request::new("GET", format!("/v1/responses/{id}?stream=true"));
        if let Some(exchange) = client.attempt(&follow).await {
            self.take_in(exchange).await;
        }
    }

    fn forget(&mut self) {
        self.whole = false;
        self.arrived.clear();
        self.body.clear();
    }

    async fn take_in(&mut self, mut exchange: Exchange) -> Exchange {
        loop {
            self.arrived.push((Instant::now(), exchange.bytes().len()));
            if !exchange.more().await {
                break;
            }
        }
        self.body = exchange.bytes().to_vec();
        self.whole = exchange.is_whole();
        exchange
    }

    /// True when the client has been answered, if only with a head.
    fn is_acknowledged(&self) -> bool {
        self.status == Some(200)
    }

    fn is_events(&self) -> bool {
        match self.way {
            Way::Events | Way::Keyed | Way::Background => true,
            Way::Text => self.request.path == "/v1/responses",
            Way::Whole => false,
        }
    }

    /// What of the answer had been shown by then.
    fn shown_by(&self, moment: Instant) -> String {
        let arrived = self.arrived.iter().rev().find(|(at, _)| *at <= moment);
        let body = &self.body[..arrived.map_or(0, |(_, length)| *length)];
        match self.way {
            Way::Whole if self.whole && !body.is_empty() => {
                text_of(&serde_json::from_slice(body).unwrap())
            }
            Way::Whole => String::new(),
            _ if self.is_events() => frames(body).filter_map(delta).collect(),
            _ => String::from_utf8_lossy(body).into_owned(),
        }
    }
}

/// Checks what has become of turns.
#[derive(Clone)]
pub(crate) struct Auditor {
    pub(crate) client: Client,
    /// When the process died that had them; `None` when it has not.
    pub(crate) died: Option<Instant>,
    /// By then every turn must have ended.
    pub(crate) deadline: Instant,
}

impl Auditor {
    /// Checks every turn that has not been checked yet, and then that the thread goes on.
    pub(crate) async fn check(&self, thread: &mut Thread, speaker: &Speaker, next: Speech) {
        for turn in &mut thread.turns[thread.checked..] {
            self.check_turn(turn, speaker).await;
        }
        if let Place::Chain(last) = &mut thread.place {
            // The first turns of a chain may be all unknown.
            let known = thread.turns.iter().rev().find_map(|turn| turn.response.clone());
            *last = known.or(last.take());
        }
        self.go_on(thread, &next).await;
        let asked = speaker.asked(&next);
        assert_eq!(asked.len(), 1, "the model was asked {} times", asked.len());
        self.check_history(thread, &asked[0].said).await;
        thread.checked = thread.turns.len();
    }

    /// The next turn runs to its end. One of which nobody has heard may still hold its place.
    async fn go_on(&self, thread: &mut Thread, next: &Speech) {
        loop {
            assert!(thread.ask(&self.client, next.clone(), Way::Whole).await, "it does not go on");
            let turn = thread.turns.last().unwrap();
            if turn.status != Some(409) || Instant::now() > self.deadline {
                assert_eq!(turn.status, Some(200), "it does not go on: {}", turn.text());
                let shown = turn.shown_by(Instant::now());
                return assert_eq!(shown, next.text(), "{}", turn.text());
            }
            thread.turns.pop();
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What users said in the thread is what the model is told, and what is stored: each message
    /// that was acknowledged once and in its place, with its own answer behind it.
    async fn check_history(&self, thread: &Thread, told: &[String]) {
        let mut told = told.iter();
        let items = match &thread.place {
            Place::Conversation(id) => self.items(id).await,
            Place::Chain(_) => Vec::new(),
        };
        let has_items = matches!(thread.place, Place::Conversation(_));
        let mut items = items.iter().map(|(role, text)| (role.as_str(), text.as_str())).peekable();
        let mut told_next = told.next();
        for turn in &thread.turns {
            let message = turn.speech.message();
            let is_told = told_next == Some(&message);
            assert!(is_told || !turn.is_acknowledged(), "not told to the model: {message}");
            if is_told {
                told_next = told.next();
            }
            if !has_items {
                continue;
            }
            let is_stored = items.next_if(|item| *item == ("user", message.as_str())).is_some();
            assert_eq!(is_stored, is_told, "stored and told differ: {message}");
            let whole = turn.speech.text();
            items.next_if(|(role, text)| *role == "assistant" && whole.starts_with(text));
        }
        assert_eq!(told_next, None, "the model is told what nobody said");
        assert_eq!(items.next(), None, "something is stored that nobody said");
    }

    async fn items(&self, conversation: &str) -> Vec<(String, String)> {
        let items = self.client.items(conversation).await;
        assert!(items.len() < 100, "the thread is too long for a page");
        items
    }

    /// Checks one turn; for one that may or may not have been begun there is nothing to check.
    async fn check_turn(&self, turn: &mut Turn, speaker: &Speaker) {
        let Self { client, died, .. } = self;
        if let Some(status) = turn.status {
            assert_eq!(status, 200, "{:?}: {}", turn.request, turn.text());
        } else {
            assert!(died.is_some(), "{:?} was cut off by a server that lives", turn.request);
            if turn.way == Way::Keyed {
                self.ask_again(turn).await;
            }
        }
        assert!(died.is_some() || turn.whole, "{:?} was cut off in peace", turn.request);
        let Some(id) = &turn.response else { return };
        let response = self.ended(id).await;
        let stored = text_of(&response);
        let speech = turn.speech.text();
        assert!(speech.starts_with(&stored), "{stored:?} is not what was said: {speech:?}");
        let must_be_there =
            died.map_or_else(Instant::now, |died| died.checked_sub(STORED_WITHIN).unwrap());
        let shown = turn.shown_by(must_be_there);
        assert!(stored.starts_with(&shown), "shown and lost: {:?}", shown.strip_prefix(&stored));
        match (response["status"].as_str().unwrap(), died) {
            ("completed", _) => assert_eq!(stored, speech),
            ("incomplete", Some(_)) => {
                assert!(!turn.whole, "told otherwise: {response}");
                assert_eq!(response["incomplete_details"]["reason"], "server_restart");
            }
            _ => panic!("it was asked and answered in peace: {response}"),
        }
        self.check_told(turn, id, &response).await;
        if turn.way == Way::Keyed {
            let again = client.whole(&turn.request).await;
            let told = client.get(&told_path(id)).await;
            assert_eq!(again.text(), told.text(), "asked again with its key");
            let asked = speaker.asked(&turn.speech).len();
            // The call that a kill has overtaken is made anew by who asks again.
            assert!(asked <= 1 + usize::from(died.is_some()), "asked {asked} times");
        }
    }

    /// Asks with the same key for what may have been begun.
    async fn ask_again(&self, turn: &mut Turn) {
        loop {
            turn.run(&self.client).await;
            let is_locked = turn.status == Some(409);
            if !is_locked || Instant::now() > self.deadline {
                assert_eq!(turn.status, Some(200), "{}", turn.text());
                // What was told now is not what was heard then.
                turn.forget();
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The response once it has ended.
    async fn ended(&self, id: &str) -> Value {
        loop {
            let response = self.client.found(&format!("/v1/responses/{id}")).await;
            if !matches!(response["status"].as_str(), Some("queued" | "in_progress")) {
                return response;
            }
            assert!(Instant::now() < self.deadline, "nobody ends it: {response}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What is told of a turn afterwards: every event, none twice, as far as they were stored the
    /// same bytes that the client had, and then the end.
    async fn check_told(&self, turn: &Turn, id: &str, response: &Value) {
        let told = self.client.get(&told_path(id)).await;
        let stream = ResponsesStreamChecker::check(&told.body)
            .unwrap_or_else(|rule| panic!("{rule}: {}", told.text()));
        assert_eq!(&stream.response, response);
        assert_eq!(stream.text, text_of(response), "told and stored differ");
        if !turn.is_events() {
            return;
        }
        let told_frames: Vec<_> = frames(&told.body).collect();
        let had: Vec<_> = frames(&turn.body).collect();
        let same = told_frames.iter().zip(&had).take_while(|(told, had)| told == had).count();
        if turn.whole {
            assert_eq!(told.text(), turn.text(), "another stream than the first");
        } else if same < had.len() {
            // What the client had and the store had not is lost; only the end may follow.
            let died = self.died.expect("a stream that was cut off");
            let until = had[..=same].concat().len();
            let seen = turn.arrived.iter().find(|(_, length)| *length >= until).unwrap().0;
            assert!(seen + STORED_WITHIN >= died, "lost: {}", String::from_utf8_lossy(had[same]));
            let more = told_frames[same..].iter().copied().find_map(delta);
            assert_eq!(more, None, "told otherwise than it was shown");
        }
        // From any event that it has had, it goes on with the same bytes.
        let events = told_frames.len() - 1;
        for last in [0, same / 2, same.saturating_sub(1)].map(|last| last.min(events - 1)) {
            let path = format!("{}&starting_after={last}", told_path(id));
            let rest = self.client.get(&path).await.text();
            let after = told_frames[..=last].concat().len();
            assert_eq!(rest.as_bytes(), &told.body[after..], "after {last}");
        }
    }
}

impl Turn {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn told_path(id: &str) -> String {
    format!("/v1/responses/{id}?stream=true")
}

/// Text of a whole response.
pub(crate) fn text_of(response: &Value) -> String {
    response["output"][0]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

/// The frames of a stream that have come whole.
pub(crate) fn frames(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let end = rest.windows(2).position(|bytes| bytes == b"\n\n")? + 2;
        let (frame, after) = rest.split_at(end);
        rest = after;
        Some(frame)
    })
}

/// The piece of text in a frame, if it is one.
pub(crate) fn delta(frame: &[u8]) -> Option<String> {
    let frame = std::str::from_utf8(frame).unwrap();
    let data = frame.strip_prefix("event: response.output_text.delta\ndata: ")?;
    let event: Value = serde_json::from_str(data).unwrap();
    Some(event["delta"].as_str().unwrap().to_owned())
}

/// The id of the first response that a body tells of.
pub(crate) fn response_id(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, after) = text.split_once("\"id\":\"resp_")?;
    let (id, _) = after.split_once('"')?;
    Some(format!("resp_{id}"))
}

/// An answer's code, as every error has one.
pub(crate) fn code(answer: &Answer) -> String {
    answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}
