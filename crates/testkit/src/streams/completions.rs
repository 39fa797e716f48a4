//! The stream of `/v1/chat/completions`.

use serde_json::Value;

use super::{
    Rule, Violation,
    fields::Fields,
    rule,
    sse::{Frame, SseReader},
};

/// Whether the request asked for `stream_options.include_usage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncludeUsage {
    /// It did: one more chunk has the usage, and every other has it as null.
    Yes,
    /// It did not: no chunk speaks of usage.
    No,
}

/// What a whole stream of `/v1/chat/completions` said.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionsStream {
    /// The completion's id.
    pub id: String,
    /// Why the model stopped; `None` when the stream ended in an error.
    pub finish_reason: Option<String>,
    /// All text of the answer.
    pub text: String,
    /// All text of a refusal.
    pub refusal: String,
    /// All thoughts, where the model shows them.
    pub reasoning: String,
    /// The functions that the model asked for.
    pub tool_calls: Vec<StreamedCall>,
    /// The usage, when it was asked for.
    pub usage: Option<Value>,
    /// The error that broke the answer off, as OpenAI's error object.
    pub error: Option<Value>,
    /// Every chunk, in order.
    pub chunks: Vec<Value>,
    /// How many comments kept the connection alive.
    pub heartbeats: usize,
}

/// A function that the model asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamedCall {
    /// Ties the call to its output.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// The arguments, all pieces together.
    pub arguments: String,
}

/// Reads a stream of `/v1/chat/completions` and refuses everything that clients of OpenAI's do not
/// expect: fields, their types, order and framing.
///
/// An answer that breaks off ends with a chunk that is an error object and nothing else.
///
/// After a violation a checker is of no further use.
#[derive(Debug)]
pub struct CompletionsStreamChecker {
    frames: SseReader,
    include_usage: IncludeUsage,
    stage: Stage,
    seen: CompletionsStream,
}

/// What has come, which says what may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Nothing,
    Speaking,
    Finished,
    /// Only `[DONE]` may follow.
    Ended,
    Done,
}

impl CompletionsStreamChecker {
    /// A checker that has seen nothing.
    pub fn new(include_usage: IncludeUsage) -> Self {
        let seen = CompletionsStream {
            id: String::new(),
            finish_reason: None,
            text: String::new(),
            refusal: String::new(),
            reasoning: String::new(),
            tool_calls: vec![],
            usage: None,
            error: None,
            chunks: vec![],
            heartbeats: 0,
        };
        Self { frames: SseReader::default(), include_usage, stage: Stage::Nothing, seen }
    }

    /// Checks a whole stream.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn check(
        bytes: &[u8],
        include_usage: IncludeUsage,
    ) -> Result<CompletionsStream, Violation> {
        let mut checker = Self::new(include_usage);
        checker.feed(bytes)?;
        checker.finish()
    }

    /// Takes the next bytes, wherever they begin and end.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        self.frames.push(bytes);
        while let Some((at, frame)) = self.frames.next() {
            frame.and_then(|frame| self.frame(frame)).map_err(|what| Violation { at, what })?;
        }
        Ok(())
    }

    /// True when everything that came was whole frames.
    pub fn is_between_frames(&self) -> bool {
        self.frames.is_between_frames()
    }

    /// The stream has ended.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when something is missing or left over.
    pub fn finish(self) -> Result<CompletionsStream, Violation> {
        self.frames.finish()?;
        if self.stage == Stage::Done {
            return Ok(self.seen);
        }
        Err(self.frames.violation("the stream ends before `data: [DONE]`"))
    }

    fn frame(&mut self, frame: Frame) -> Rule {
        rule(self.stage != Stage::Done, || format!("something follows `[DONE]`: {frame:?}"))?;
        match frame {
            Frame::Heartbeat => self.seen.heartbeats += 1,
            Frame::Event { name: Some(name), .. } => {
                return Err(format!("chunks have no `event:` line: {name}"));
            }
            Frame::Event { name: None, data } if data == "[DONE]" => {
                let whole = self.stage == Stage::Ended;
                rule(whole, || format!("`[DONE]` comes too early, after {:?}", self.stage))?;
                self.stage = Stage::Done;
            }
            Frame::Event { name: None, data } => {
                let chunk: Value = serde_json::from_str(&data)
                    .map_err(|error| format!("data is not JSON ({error}): {data}"))?;
                let fields = Fields::of(&chunk, "the chunk")?;
                rule(self.stage != Stage::Ended, || format!("a chunk follows the end: {chunk}"))?;
                if fields.map.contains_key("error") {
                    self.fails(fields)?;
                } else {
                    self.chunk(fields)?;
                }
                self.seen.chunks.push(chunk);
            }
        }
        Ok(())
    }

    fn fails(&mut self, chunk: Fields<'_>) -> Rule {
        rule(self.stage != Stage::Finished, || "an error follows the end".to_owned())?;
        let error = chunk.object("error")?;
        error.text("message")?;
        error.text("type")?;
        error.nullable_string("param")?;
        error.nullable_string("code")?;
        rule(chunk.map.len() == 1, || format!("an error chunk says more: {:?}", chunk.map))?;
        self.seen.error = Some(Value::Object(error.map.clone()));
        self.stage = Stage::Ended;
        Ok(())
    }

    fn chunk(&mut self, chunk: Fields<'_>) -> Rule {
        chunk.exactly("object", "chat.completion.chunk")?;
        let id = chunk.text("id")?;
        chunk.text("model")?;
        chunk.integer("created")?;
        match self.seen.chunks.first() {
            None => id.clone_into(&mut self.seen.id),
            Some(first) => {
                for key in ["id", "created", "model"] {
                    chunk.exactly(key, first.get(key).cloned().unwrap_or_default())?;
                }
            }
        }
        let choices = chunk.array("choices")?;
        if let [choice] = choices.as_slice() {
            self.check_no_usage(chunk)?;
            return self.choice(Fields::of(choice, "the choice")?);
        }
        let expected = self.include_usage == IncludeUsage::Yes && self.stage == Stage::Finished;
        rule(choices.is_empty() && expected, || {
            format!("a chunk has {} choices, after {:?}", choices.len(), self.stage)
        })?;
        check_usage(chunk.object("usage")?)?;
        self.seen.usage = chunk.map.get("usage").cloned();
        self.stage = Stage::Ended;
        Ok(())
    }

    fn check_no_usage(&self, chunk: Fields<'_>) -> Rule {
        match self.include_usage {
            IncludeUsage::Yes => chunk.exactly("usage", Value::Null),
            IncludeUsage::No => rule(!chunk.map.contains_key("usage"), || {
                "a chunk speaks of usage that nobody asked for".to_owned()
            }),
        }
    }

    fn choice(&mut self, choice: Fields<'_>) -> Rule {
        choice.exactly("index", 0)?;
        let delta = choice.object("delta")?;
        let finish = choice.nullable_string("finish_reason")?;
        match (self.stage, finish) {
            (Stage::Nothing, None) => {
                delta.exactly("role", "assistant")?;
                delta.exactly("content", "")?;
                rule(delta.map.len() == 2, || format!("the first delta says more: {delta:?}"))?;
                self.stage = Stage::Speaking;
                Ok(())
            }
            (Stage::Speaking, None) => self.delta(delta),
            (Stage::Speaking, Some(_)) => {
                let reasons = &["stop", "length", "tool_calls", "content_filter"];
                let reason = choice.one_of("finish_reason", reasons)?;
                rule(delta.map.is_empty(), || format!("the last delta is not empty: {delta:?}"))?;
                rule(reason != "tool_calls" || !self.seen.tool_calls.is_empty(), || {
                    "the model waits for tools, but asked for none".to_owned()
                })?;
                self.seen.finish_reason = Some(reason.to_owned());
                self.stage = match self.include_usage {
                    IncludeUsage::Yes => Stage::Finished,
                    IncludeUsage::No => Stage::Ended,
                };
                Ok(())
            }
            (stage, _) => Err(format!("a choice comes out of order, after {stage:?}")),
        }
    }

    /// One piece of one thing.
    fn delta(&mut self, delta: Fields<'_>) -> Rule {
        let [key] = delta.map.keys().map(String::as_str).collect::<Vec<_>>()[..] else {
            return Err(format!("a delta says one thing at a time: {delta:?}"));
        };
        match key {
            "content" => self.seen.text.push_str(delta.text(key)?),
            "refusal" => self.seen.refusal.push_str(delta.text(key)?),
            "reasoning_content" => self.seen.reasoning.push_str(delta.text(key)?),
            "tool_calls" => {
                for call in delta.array(key)? {
                    self.call(Fields::of(call, "the call")?)?;
                }
            }
            _ => return Err(format!("no client knows `{key}` in a delta")),
        }
        Ok(())
    }

    fn call(&mut self, call: Fields<'_>) -> Rule {
        let index = usize::try_from(call.integer("index")?).unwrap_or(usize::MAX);
        let function = call.object("function")?;
        if index == self.seen.tool_calls.len() {
            call.exactly("type", "function")?;
            self.seen.tool_calls.push(StreamedCall {
                id: call.text("id")?.to_owned(),
                name: function.text("name")?.to_owned(),
                arguments: function.string("arguments")?.to_owned(),
            });
            return Ok(());
        }
        let known = self.seen.tool_calls.get_mut(index);
        let known = known.ok_or_else(|| format!("call {index} comes before the one before it"))?;
        rule(!call.has("id") && !call.has("type") && !function.has("name"), || {
            format!("call {index} begins twice")
        })?;
        known.arguments.push_str(function.text("arguments")?);
        Ok(())
    }
}

fn check_usage(usage: Fields<'_>) -> Rule {
    let prompt = usage.integer("prompt_tokens")?;
    let completion = usage.integer("completion_tokens")?;
    usage.exactly("total_tokens", prompt + completion)?;
    let cached = usage.object("prompt_tokens_details")?.integer("cached_tokens")?;
    let reasoning = usage.object("completion_tokens_details")?.integer("reasoning_tokens")?;
    rule(cached <= prompt && reasoning <= completion, || {
        format!("the details of the usage are more than the whole: {:?}", usage.map)
    })
}
