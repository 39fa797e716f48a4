//! From items to messages that take turns.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
};

use loquat_domain::{FunctionCall, FunctionCallOutput, ItemContent, Message as Said, Part, Role};
use loquat_provider::{ChatRequest, ProviderError};
use loquat_provider_http::Seal;
use serde::Serialize;

use super::{
    INEXPRESSIBLE,
    content::{Block, CacheControl, Content, ImageSource, Input},
};

/// What stands before an answer that nothing precedes: the wire wants the user to speak first.
const OPENING: &str = "(The conversation begins here.)";

/// What stands for the result of a call that has none: the wire wants one for each.
const NO_RESULT: &str = "There is no result.";

/// One message of the wire.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    role: Speaker,
    content: Vec<Block<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Speaker {
    User,
    Assistant,
}

/// Everything that was said, as the wire wants it: the operator's words apart, and messages that
/// take turns, in which the results of an answer's calls are the first that follows it.
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Message<'a>>,
    /// The functions that were called.
    pub(super) called: BTreeSet<&'a str>,
    /// The last block of each part that later requests repeat, ascending.
    ends: Vec<Place>,
    /// Where the outputs of each call are in the input that have not been told yet.
    outputs: HashMap<&'a str, VecDeque<(usize, &'a FunctionCallOutput)>>,
    /// The outputs that have been told with their calls, before their turn.
    told: HashSet<usize>,
    /// The calls of the last message, which is an answer, without their results.
    open: Vec<&'a str>,
}

/// A block's place: its message, and its number in it.
type Place = (usize, usize);

impl<'a> Conversation<'a> {
    /// Puts together what is said and asked; with the thoughts that this endpoint has sealed, or
    /// without any.
    ///
    /// # Errors
    ///
    /// [`INEXPRESSIBLE`] when an image is none that the wire can carry.
    pub(super) fn new(
        request: &'a ChatRequest,
        seal: Option<&Seal>,
    ) -> Result<Self, ProviderError> {
        let mut outputs: HashMap<_, VecDeque<_>> = HashMap::new();
        for (at, item) in request.input.iter().enumerate() {
            if let ItemContent::FunctionCallOutput(output) = item {
                outputs.entry(output.call_id.as_str()).or_default().push_back((at, output));
            }
        }
        let mut said = Self {
            system: Vec::new(),
            messages: Vec::new(),
            called: BTreeSet::new(),
            ends: Vec::new(),
            outputs,
            told: HashSet::new(),
            open: Vec::new(),
        };
        let instructions = request.settings.instructions.as_deref();
        said.system.extend(instructions.and_then(Content::text).map(Block::from));
        let mut lead = true;
        for (at, item) in request.input.iter().enumerate() {
            lead = lead && said.lead(item);
            if !lead {
                said.item(at, item, seal)?;
            }
            if request.cache_ends.binary_search(&(at + 1)).is_ok() {
                said.end_part();
            }
        }
        said.answer_calls();
        said.finish();
        Ok(said)
    }

    /// Takes words of the operator that precede everything else; false for any other item.
    fn lead(&mut self, item: &'a ItemContent) -> bool {
        let ItemContent::Message(message) = item else { return false };
        let text = |part: &'a Part| match part {
            Part::Text(text) | Part::Refusal(text) => Some(text.as_str()),
            Part::Image { .. } => None,
        };
        let Some(texts) = message.parts.iter().map(text).collect::<Option<Vec<_>>>() else {
            return false;
        };
        if item.is_operators() {
            self.system.extend(texts.into_iter().filter_map(Content::text).map(Block::from));
        }
        item.is_operators()
    }

    fn item(
        &mut self,
        at: usize,
        item: &'a ItemContent,
        seal: Option<&Seal>,
    ) -> Result<(), ProviderError> {
        match item {
            ItemContent::Message(message) => self.message(message)?,
            ItemContent::FunctionCall(call) => self.call(call),
            ItemContent::FunctionCallOutput(output) => self.output(at, output),
            ItemContent::Reasoning(thought) => {
                if let Some(thought) = seal.and_then(|seal| Content::thought(thought, seal)) {
                    self.push(Speaker::Assistant, thought);
                }
            }
            // A compaction was opened by whoever made the prompt.
            ItemContent::Compaction(_) => {}
        }
        Ok(())
    }

    fn message(&mut self, message: &'a Said) -> Result<(), ProviderError> {
        for part in &message.parts {
            match (message.role, part) {
                (Role::User, Part::Text(text) | Part::Refusal(text)) => {
                    self.say(Speaker::User, text);
                }
                (Role::Assistant, Part::Text(text) | Part::Refusal(text)) => {
                    self.say(Speaker::Assistant, text);
                }
                (Role::System | Role::Developer, Part::Text(text) | Part::Refusal(text)) => {
                    self.say(Speaker::User, format!("<system>\n{text}\n</system>"));
                }
                (Role::Assistant, Part::Image { .. }) => return Err(INEXPRESSIBLE),
                (_, Part::Image { url, .. }) => {
                    let image = Content::Image { source: ImageSource::new(url)? };
                    self.push(Speaker::User, image);
                }
            }
        }
        Ok(())
    }

    fn say(&mut self, speaker: Speaker, text: impl Into<Cow<'a, str>>) {
        if let Some(text) = Content::text(text) {
            self.push(speaker, text);
        }
    }

    fn call(&mut self, call: &'a FunctionCall) {
        self.called.insert(&call.name);
        let input = Input::new(&call.arguments);
        self.push(
            Speaker::Assistant,
            Content::ToolUse { id: id(&call.call_id), name: &call.name, input },
        );
        self.open.push(&call.call_id);
    }

    /// An output is told with its call; what is left is one whose call is not there.
    fn output(&mut self, at: usize, output: &'a FunctionCallOutput) {
        self.answer_calls();
        if self.told.contains(&at) {
            return;
        }
        if let Some(waiting) = self.outputs.get_mut(output.call_id.as_str()) {
            waiting.pop_front();
        }
        let text = format!("<function_result>\n{}\n</function_result>", output.output);
        self.say(Speaker::User, text);
    }

    /// Follows an answer with the results of its calls, wherever in the input they are.
    fn answer_calls(&mut self) {
        for call_id in std::mem::take(&mut self.open) {
            let output = self.outputs.get_mut(call_id).and_then(VecDeque::pop_front);
            let result = output.map(|(_, output)| output.output.as_str());
            self.told.extend(output.map(|(at, _)| at));
            self.append(
                Speaker::User,
                Content::ToolResult {
                    tool_use_id: id(call_id),
                    content: result.unwrap_or(NO_RESULT),
                    is_error: result.is_none(),
                },
            );
        }
    }

    fn push(&mut self, speaker: Speaker, content: Content<'a>) {
        if speaker == Speaker::User {
            self.answer_calls();
        }
        self.append(speaker, content);
    }

    fn append(&mut self, speaker: Speaker, content: Content<'a>) {
        if self.messages.is_empty() && speaker == Speaker::Assistant {
            self.open_with_the_user();
        }
        match self.messages.last_mut() {
            Some(last) if last.role == speaker => last.content.push(content.into()),
            _ => self.messages.push(Message { role: speaker, content: vec![content.into()] }),
        }
    }

    fn open_with_the_user(&mut self) {
        let opening = Content::Text { text: OPENING.into() };
        self.messages.push(Message { role: Speaker::User, content: vec![opening.into()] });
    }

    /// Notes that a part ends here. Thoughts cannot be marked; what precedes them is.
    fn end_part(&mut self) {
        let end = self.messages.iter().enumerate().rev().find_map(|(at, message)| {
            let block = message.content.iter().rposition(|block| !block.content.is_thought())?;
            Some((at, block))
        });
        if let Some(end) = end.filter(|end| self.ends.last() != Some(end)) {
            self.ends.push(end);
        }
    }

    /// An answer that shall be gone on with must not end with space.
    fn finish(&mut self) {
        if self.messages.is_empty() {
            self.open_with_the_user();
        }
        let last = self.messages.last_mut().filter(|last| last.role == Speaker::Assistant);
        let block = last.and_then(|last| last.content.last_mut());
        if let Some(Block { content: Content::Text { text }, .. }) = block {
            let end = text.trim_end().len();
            match text {
                Cow::Borrowed(whole) => *whole = whole.get(..end).unwrap_or(whole),
                Cow::Owned(whole) => whole.truncate(end),
            }
        }
    }

    /// Marks the end of the system prompt; false when there is none.
    pub(super) fn mark_system(&mut self) -> bool {
        let last = self.system.last_mut();
        let has_system = last.is_some();
        if let Some(last) = last {
            last.cache_control = Some(CacheControl::EPHEMERAL);
        }
        has_system
    }

    /// Marks the last `most` ends of parts; returns how many there were.
    pub(super) fn mark_ends(&mut self, most: usize) -> usize {
        let ends = self.ends.len().saturating_sub(most);
        let ends = self.ends.get(ends..).unwrap_or_default();
        for (message, block) in ends {
            let message = self.messages.get_mut(*message);
            if let Some(block) = message.and_then(|message| message.content.get_mut(*block)) {
                block.cache_control = Some(CacheControl::EPHEMERAL);
            }
        }
        ends.len()
    }

    /// False when an answer waits for the results of its calls that did not begin with thoughts:
    /// the wire refuses to take up thinking in the middle of an answer.
    pub(super) fn may_think_by_budget(&self) -> bool {
        let [.., answer, results] = self.messages.as_slice() else { return true };
        let waits = matches!(
            results.content.first(),
            Some(Block { content: Content::ToolResult { .. }, .. })
        );
        !waits || answer.content.first().is_some_and(|first| first.content.is_thought())
    }
}

/// A call's id in the letters that the wire takes.
fn id(call_id: &str) -> Cow<'_, str> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !call_id.is_empty() && call_id.chars().all(is_taken) {
        return Cow::Borrowed(call_id);
    }
    let mut id: String = call_id.chars().map(|c| if is_taken(c) { c } else { '_' }).collect();
    if id.is_empty() {
        id.push('_');
    }
    Cow::Owned(id)
}
