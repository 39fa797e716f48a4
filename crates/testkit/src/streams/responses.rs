//! The stream of `/v1/responses`.

use serde_json::Value;

use super::{
    Rule, Violation,
    fields::Fields,
    items::Output,
    parts::{List, REASONING, REFUSAL, SUMMARY, TEXT},
    response_object, rule,
    sse::{Frame, SseReader},
};

/// What a whole stream of `/v1/responses` said.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponsesStream {
    /// The response's id.
    pub response_id: String,
    /// The terminal status: `completed`, `incomplete`, `failed` or `cancelled`.
    pub status: String,
    /// All text of the answer, as its deltas came.
    pub text: String,
    /// The response in its terminal status.
    pub response: Value,
    /// Every event, in order.
    pub events: Vec<Value>,
    /// How many comments kept the connection alive.
    pub heartbeats: usize,
}

/// Reads a stream of `/v1/responses` and refuses everything that the wire does not allow: fields,
/// their types, order, numbers, framing, and any difference between the deltas, the done text, the
/// part, the item and the terminal response.
///
/// A stopped response has no terminal event of its own in either specification: it ends with
/// `response.incomplete`, and its status says `cancelled`.
///
/// A stream that was resumed after event N is checked as a whole: feed the frames up to N of the
/// first stream, and then those of the second. A gap or a repetition breaks the numbers.
///
/// After a violation a checker is of no further use.
#[derive(Debug, Default)]
pub struct ResponsesStreamChecker {
    frames: SseReader,
    stage: Stage,
    first: Option<Value>,
    output: Output,
    reasoning: Option<Dialect>,
    error: Option<Value>,
    text: String,
    events: Vec<Value>,
    heartbeats: usize,
}

/// What has come, which says what may come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Nothing,
    Created,
    Queued,
    Running,
    /// An `error` has come: only `response.failed` may follow.
    Failing,
    Ended,
    Done,
}

/// The two names that the two specifications have for a piece of reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    OpenResponses,
    OpenAi,
}

impl ResponsesStreamChecker {
    /// A checker that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks a whole stream.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn check(bytes: &[u8]) -> Result<ResponsesStream, Violation> {
        let mut checker = Self::new();
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

    /// True when everything that came was whole frames. Checked after each chunk of a body, it
    /// says that each frame was written at once, which one widespread parser relies on.
    pub fn is_between_frames(&self) -> bool {
        self.frames.is_between_frames()
    }

    /// The stream has ended.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when something is missing or left over.
    pub fn finish(mut self) -> Result<ResponsesStream, Violation> {
        self.frames.finish()?;
        let terminal = self.events.last_mut().and_then(|event| event.get("response")).cloned();
        let Some(response) = terminal.filter(|_| self.stage == Stage::Done) else {
            return Err(self.frames.violation("the stream ends before `data: [DONE]`"));
        };
        let string = |key| response.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(ResponsesStream {
            response_id: string("id"),
            status: string("status"),
            text: self.text,
            events: self.events,
            heartbeats: self.heartbeats,
            response,
        })
    }

    fn frame(&mut self, frame: Frame) -> Rule {
        rule(self.stage != Stage::Done, || format!("something follows `[DONE]`: {frame:?}"))?;
        match frame {
            Frame::Heartbeat => {
                self.heartbeats += 1;
                Ok(())
            }
            Frame::Event { name: None, data } if data == "[DONE]" => {
                rule(self.stage == Stage::Ended, || "`[DONE]` comes before the end".to_owned())?;
                self.stage = Stage::Done;
                Ok(())
            }
            Frame::Event { name, data } => {
                let event: Value = serde_json::from_str(&data)
                    .map_err(|error| format!("data is not JSON ({error}): {data}"))?;
                let fields = Fields::of(&event, "the event")?;
                let kind = fields.text("type")?;
                rule(name.as_deref() == Some(kind), || {
                    format!("the `event:` line says {name:?}, the data {kind:?}")
                })?;
                fields.exactly("sequence_number", self.events.len())?;
                self.event(kind, fields).map_err(|what| format!("{kind}: {what}"))?;
                self.events.push(event);
                Ok(())
            }
        }
    }

    fn event(&mut self, kind: &str, event: Fields<'_>) -> Rule {
        match (kind, self.stage) {
            ("response.created", Stage::Nothing) => self.begins(event, Stage::Created),
            ("response.queued", Stage::Created) => self.begins(event, Stage::Queued),
            ("response.in_progress", Stage::Created | Stage::Queued) => {
                self.begins(event, Stage::Running)
            }
            // One that was stopped while it waited has never run.
            ("response.incomplete", Stage::Queued)
            | ("response.completed" | "response.incomplete", Stage::Running)
            | ("response.failed", Stage::Failing) => self.ends(kind, event),
            ("error", Stage::Queued | Stage::Running) => self.fails(event),
            ("response.failed", Stage::Running) => Err("no `error` came before".to_owned()),
            (_, Stage::Running) => self.goes_on(kind, event),
            _ => Err(format!("comes out of order, after {:?}", self.stage)),
        }
    }

    /// Full objects before the end.
    fn begins(&mut self, event: Fields<'_>, stage: Stage) -> Rule {
        let response = self.response(event)?;
        let queues = stage == Stage::Queued;
        let allowed: &[&str] = match stage {
            Stage::Created => &["queued", "in_progress"],
            _ if queues => &["queued"],
            _ => &["in_progress"],
        };
        response.one_of("status", allowed)?;
        rule(response.array("output")?.is_empty(), || "has output already".to_owned())?;
        self.stage = stage;
        Ok(())
    }

    /// The full object of an event, which must stay the same but for what a turn changes.
    fn response<'e>(&mut self, event: Fields<'e>) -> Rule<Fields<'e>> {
        let value = event.nullable("response")?.unwrap_or(&Value::Null);
        let response = response_object::check(value)?;
        let mut lasting = value.clone();
        if let Some(lasting) = lasting.as_object_mut() {
            for key in ["status", "completed_at", "incomplete_details", "error", "output", "usage"]
            {
                lasting.remove(key);
            }
        }
        let first = self.first.get_or_insert_with(|| lasting.clone());
        rule(*first == lasting, || {
            format!("the response is not the same any more: {first} became {lasting}")
        })?;
        Ok(response)
    }

    fn goes_on(&mut self, kind: &str, event: Fields<'_>) -> Rule {
        let output = &mut self.output;
        match kind {
            "response.output_item.added" => output.item_added(event),
            "response.output_item.done" => output.item_done(event),
            "response.content_part.added" => output.part_added(event, List::Content),
            "response.content_part.done" => output.part_done(event, List::Content),
            "response.reasoning_summary_part.added" => output.part_added(event, List::Summary),
            "response.reasoning_summary_part.done" => output.part_done(event, List::Summary),
            "response.output_text.delta" => {
                event.array("logprobs")?;
                self.text.push_str(event.string("delta")?);
                output.delta(event, &TEXT)
            }
            "response.output_text.done" => {
                event.array("logprobs")?;
                output.text_done(event, &TEXT)
            }
            "response.output_text.annotation.added" => output.annotation(event),
            "response.refusal.delta" => output.delta(event, &REFUSAL),
            "response.refusal.done" => output.text_done(event, &REFUSAL),
            "response.reasoning_summary_text.delta" => output.delta(event, &SUMMARY),
            "response.reasoning_summary_text.done" => output.text_done(event, &SUMMARY),
            "response.reasoning.delta" => {
                self.speaks(Dialect::OpenResponses)?;
                self.output.delta(event, &REASONING)
            }
            "response.reasoning.done" => {
                self.speaks(Dialect::OpenResponses)?;
                self.output.text_done(event, &REASONING)
            }
            "response.reasoning_text.delta" => {
                self.speaks(Dialect::OpenAi)?;
                self.output.delta(event, &REASONING)
            }
            "response.reasoning_text.done" => {
                self.speaks(Dialect::OpenAi)?;
                self.output.text_done(event, &REASONING)
            }
            "response.function_call_arguments.delta" => output.arguments_delta(event),
            "response.function_call_arguments.done" => output.arguments_done(event),
            _ => Err("comes out of order, or no client knows it".to_owned()),
        }
    }

    fn speaks(&mut self, dialect: Dialect) -> Rule {
        let spoken = *self.reasoning.get_or_insert(dialect);
        rule(spoken == dialect, || "reasoning has two names in one stream".to_owned())
    }

    /// Both shapes at once: flat for OpenAI's schema, nested for the specification's.
    fn fails(&mut self, event: Fields<'_>) -> Rule {
        self.output.check_closed()?;
        let nested = event.object("error")?;
        nested.text("type")?;
        event.text("message")?;
        for key in ["code", "message", "param"] {
            event.nullable_string(key)?;
            rule(event.map.get(key) == nested.map.get(key), || {
                format!("`{key}` differs between the two shapes")
            })?;
        }
        self.error = Some(Value::Object(event.map.clone()));
        self.stage = Stage::Failing;
        Ok(())
    }

    fn ends(&mut self, kind: &str, event: Fields<'_>) -> Rule {
        let response = self.response(event)?;
        let allowed: &[&str] = match kind {
            "response.completed" => &["completed"],
            "response.failed" => &["failed"],
            _ => &["incomplete", "cancelled"],
        };
        response.one_of("status", allowed)?;
        self.output.check_closed()?;
        response.exactly("output", self.output.done.clone())?;
        if let Some(told) = &self.error {
            let error = response.object("error")?;
            for key in ["code", "message"] {
                error.exactly(key, told.get(key).cloned().unwrap_or_default())?;
            }
        }
        self.stage = Stage::Ended;
        Ok(())
    }
}
