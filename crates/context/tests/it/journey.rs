//! Conversations of any kind, turn by turn.

pub(crate) mod store;
pub(crate) mod texts;

use loquat_context::{
    ContextError, Gate, Loaded, ModelWindow, Need, NewTurn, Policy, Prompt, Recall, State,
    TokenCounter as _, Window, plan, seal,
};
use loquat_domain::{
    FunctionCall, FunctionCallOutput, ItemContent, ItemId, Message, Part, Reasoning, Role,
    Truncation,
};
use proptest::{collection::vec, option, prelude::*};

use crate::engine::{Ask, Count, Engine};
use store::Store;
use texts::{Text, text};

/// A conversation from its beginning.
#[derive(Debug, Clone)]
pub(crate) struct Journey {
    /// The second is for turns that ask for something else.
    settings: [Setting; 2],
    /// Each answer begins to count its calls anew, as some models do.
    reuses_call_ids: bool,
    lead: Vec<Text>,
    /// What was said before the first turn.
    imported: Vec<(bool, Text)>,
    steps: Vec<Step>,
}

/// How turns are asked for.
#[derive(Debug, Clone)]
struct Setting {
    policy: Policy,
    model: ModelWindow,
    counter: Count,
    instructions: u32,
    tools: u32,
}

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    Turn(Turn),
    /// Time passes between turns, in minutes; clocks are set back too.
    Wait(i64),
    /// A job is done: the index, and perhaps a summary that lacks so many items.
    Derive {
        lag: Option<usize>,
        summary: Text,
    },
    /// The provider says so many percent of our count.
    Usage(u32),
    /// An item is deleted, at this share of the conversation.
    Delete(u16),
    /// Another branch is taken up, which has this share of the conversation.
    Branch(u16),
}

#[derive(Debug, Clone)]
struct Turn {
    input: Input,
    answer: Answer,
    other_setting: bool,
    disabled: bool,
    pins: Vec<u16>,
}

#[derive(Debug, Clone)]
enum Input {
    Said(Text),
    SaidTwice(Text, Text),
    /// The operator notes something beside.
    Noted(Text, Text),
    /// Outputs of the last answer's calls, or of the first of them; and perhaps a message.
    Outputs {
        all: bool,
        output: Text,
        then: Option<Text>,
    },
    /// An output of a call that was passed over.
    Late(Text),
    /// An output of no call.
    Stray,
    /// What came before in short.
    Compacted(Text, Text),
}

#[derive(Debug, Clone)]
enum Answer {
    Nothing,
    Words(Text),
    Thought,
    ThoughtAndWords(Text),
    Calls { count: u8, thought: bool, words: Option<Text> },
}

/// A turn that was asked for, and what the engine made of it.
pub(crate) struct Taken<'a> {
    /// The conversation as the turn found it.
    pub(crate) store: &'a Store,
    pub(crate) state: State,
    pub(crate) ask: Ask,
    pub(crate) pins: Vec<ItemId>,
    /// What has to be loaded, and what was; `None` when the new items alone are too large.
    pub(crate) needed: Option<(Need, Loaded)>,
    pub(crate) result: Result<Prompt, ContextError>,
    pub(crate) before: Option<&'a Before>,
}

/// The turn before, if it took place.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    pub(crate) prompt: Prompt,
    pub(crate) anchored: bool,
    pub(crate) edits: u64,
}

impl Taken<'_> {
    /// What the engine makes of another question at this place.
    pub(crate) fn again(&self, engine: &dyn Engine, ask: Ask) -> Result<Prompt, ContextError> {
        self.again_with(engine, ask, |_| {})
    }

    /// The same, when something else was loaded.
    pub(crate) fn again_with(
        &self,
        engine: &dyn Engine,
        ask: Ask,
        change: impl Fn(&mut Loaded),
    ) -> Result<Prompt, ContextError> {
        let load = |need: &Need| {
            let mut loaded = self.store.load(need, &self.pins);
            change(&mut loaded);
            loaded
        };
        engine.prompt(ask, &self.state, &load)
    }

    pub(crate) fn is_anchored(&self) -> bool {
        self.ask.truncation == Truncation::Auto
            && matches!(self.ask.policy.window, Window::Marks { .. })
    }
}

impl Journey {
    /// Goes through the conversation, and shows each turn.
    pub(crate) fn run<E>(
        &self,
        engine: &dyn Engine,
        mut visit: impl FnMut(&Taken<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut store = Store::default();
        let mut before: Option<Before> = None;
        let counter = self.settings[0].counter;
        for text in &self.lead {
            store.append(said(Role::System, *text, &store), &counter);
        }
        for (is_user, text) in &self.imported {
            let role = if *is_user { Role::User } else { Role::Assistant };
            store.append(said(role, *text, &store), &counter);
        }
        for step in &self.steps {
            match step {
                Step::Turn(turn) => {
                    let (ask, pins) = self.ask(turn, &store);
                    let result = {
                        let taken = take(engine, &store, ask.clone(), pins, before.as_ref());
                        visit(&taken)?;
                        taken.result
                    };
                    if let Ok(prompt) = result {
                        before = Some(self.keep(turn, &mut store, ask, prompt));
                    }
                }
                Step::Wait(minutes) => store.wait(*minutes),
                Step::Derive { lag, summary } => {
                    store.index();
                    if let Some(lag) = lag {
                        store.summarise(*lag, summary.written(store.number()));
                    }
                }
                Step::Usage(percent) => {
                    let model = &self.settings[0].model.model;
                    if let Some(state) = store.state().calibrated(model, 1_000, percent * 10) {
                        store.calibrate(&state);
                    }
                }
                Step::Delete(_) if store.items.is_empty() => {}
                Step::Delete(share) => store.delete(place(*share, store.items.len())),
                Step::Branch(share) => store.branch(place(*share, store.items.len() + 1)),
            }
        }
        Ok(())
    }

    fn ask(&self, turn: &Turn, store: &Store) -> (Ask, Vec<ItemId>) {
        let setting = &self.settings[usize::from(turn.other_setting)];
        let input = turn.input.items(store);
        let ask = ask(
            (setting.policy, setting.model.clone(), setting.counter),
            (setting.instructions, setting.tools),
            input,
        );
        let truncation = if turn.disabled { Truncation::Disabled } else { Truncation::Auto };
        let pinned = turn.pins.iter().filter(|_| !store.items.is_empty());
        let pinned = pinned.map(|share| store.items[place(*share, store.items.len())].item.id);
        (Ask { truncation, ..ask }, pinned.collect())
    }

    fn keep(&self, turn: &Turn, store: &mut Store, ask: Ask, prompt: Prompt) -> Before {
        let anchored =
            ask.truncation == Truncation::Auto && matches!(ask.policy.window, Window::Marks { .. });
        if let Some(state) = &prompt.change {
            store.change(store.version, state);
        }
        for item in ask.input {
            store.append(item, &ask.counter);
        }
        for item in turn.answer.items(self.reuses_call_ids, store) {
            store.append(item, &ask.counter);
        }
        store.wait(1);
        Before { prompt, anchored, edits: store.edits }
    }
}

/// A turn is taken at the end of a stored conversation.
pub(crate) fn take<'a>(
    engine: &dyn Engine,
    store: &'a Store,
    ask: Ask,
    pins: Vec<ItemId>,
    before: Option<&'a Before>,
) -> Taken<'a> {
    let state = store.state();
    let need = plan(&ask.policy, ask.model.clone(), ask.turn.clone(), ask.truncation).ok();
    let needed = need.map(|need| (need.clone(), store.load(&need, &pins)));
    let result = engine.prompt(ask.clone(), &state, &|need| store.load(need, &pins));
    Taken { store, state, ask, pins, needed, result, before }
}

/// A turn with these new items.
pub(crate) fn ask(
    (policy, model, counter): (Policy, ModelWindow, Count),
    (instructions, tools): (u32, u32),
    input: Vec<ItemContent>,
) -> Ask {
    let turn = NewTurn {
        instructions,
        tools,
        input: input.iter().map(|content| counter.item(content)).sum(),
        message: input.iter().rev().find_map(users_words),
    };
    Ask { policy, model, turn, truncation: Truncation::Auto, input, counter }
}

fn users_words(content: &ItemContent) -> Option<String> {
    let ItemContent::Message(message) = content else { return None };
    let texts = message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    (message.role == Role::User).then(|| texts.collect::<Vec<_>>().join("\n"))
}

fn said(role: Role, text: Text, store: &Store) -> ItemContent {
    ItemContent::Message(Message::text(role, text.written(store.number())))
}

pub(crate) fn output(call_id: impl Into<String>, output: impl Into<String>) -> ItemContent {
    let (call_id, output) = (call_id.into(), output.into());
    ItemContent::FunctionCallOutput(FunctionCallOutput { call_id, output })
}

pub(crate) fn call(call_id: impl Into<String>) -> ItemContent {
    let (name, arguments) = ("look_up".to_owned(), r#"{"key":"harbour"}"#.to_owned());
    ItemContent::FunctionCall(FunctionCall { call_id: call_id.into(), name, arguments })
}

fn place(share: u16, of: usize) -> usize {
    usize::from(share) * of / (usize::from(u16::MAX) + 1)
}

impl Input {
    fn items(&self, store: &Store) -> Vec<ItemContent> {
        let said = |role, text| said(role, text, store);
        let calls = calls_at_end(store);
        match self {
            Self::Said(text) => vec![said(Role::User, *text)],
            Self::SaidTwice(one, other) => {
                vec![said(Role::User, *one), said(Role::User, *other)]
            }
            Self::Noted(note, text) => {
                vec![said(Role::Developer, *note), said(Role::User, *text)]
            }
            Self::Outputs { .. } if calls.is_empty() => vec![said(Role::User, Text::Asks(0))],
            Self::Outputs { all, output: of, then } => {
                let count = if *all { calls.len() } else { 1 };
                let outputs = calls.iter().take(count);
                let outputs = outputs.map(|id| output(id, of.written(store.number())));
                outputs.chain(then.map(|text| said(Role::User, text))).collect()
            }
            Self::Late(text) => match passed_over(store) {
                Some(id) => vec![output(id, text.written(store.number()))],
                None => vec![said(Role::User, *text)],
            },
            Self::Stray => vec![output("of nothing", "?")],
            Self::Compacted(summary, text) => vec![
                ItemContent::Compaction(seal(&summary.written(store.number()))),
                said(Role::User, *text),
            ],
        }
    }
}

/// The calls that the conversation ends with.
fn calls_at_end(store: &Store) -> Vec<String> {
    let mut calls: Vec<String> = Vec::new();
    for stored in store.items.iter().rev() {
        match &stored.item.content {
            ItemContent::FunctionCall(call) => calls.push(call.call_id.clone()),
            _ => break,
        }
    }
    calls.reverse();
    calls
}

/// A call that something else than its output follows.
fn passed_over(store: &Store) -> Option<String> {
    let outputs: Vec<&str> = store
        .items
        .iter()
        .filter_map(|stored| match &stored.item.content {
            ItemContent::FunctionCallOutput(output) => Some(output.call_id.as_str()),
            _ => None,
        })
        .collect();
    store.items.iter().rev().find_map(|stored| match &stored.item.content {
        ItemContent::FunctionCall(call) if !outputs.contains(&call.call_id.as_str()) => {
            Some(call.call_id.clone())
        }
        _ => None,
    })
}

impl Answer {
    fn items(&self, reuses_ids: bool, store: &Store) -> Vec<ItemContent> {
        let number = store.number();
        let words = |text: &Text| said(Role::Assistant, *text, store);
        let thought = || {
            ItemContent::Reasoning(Reasoning {
                text: format!("Thought {number}."),
                ..Reasoning::default()
            })
        };
        match self {
            Self::Nothing => Vec::new(),
            Self::Words(text) => vec![words(text)],
            Self::Thought => vec![thought()],
            Self::ThoughtAndWords(text) => vec![thought(), words(text)],
            Self::Calls { count, thought: thinks, words: says } => {
                let mut items = Vec::new();
                items.extend(thinks.then(thought));
                items.extend(says.as_ref().map(words));
                let id = |at| {
                    if reuses_ids { format!("call {at}") } else { format!("call {number}-{at}") }
                };
                items.extend((0..*count).map(|at| call(id(at))));
                items
            }
        }
    }
}

/// Conversations of up to 40 steps.
pub(crate) fn journeys() -> impl Strategy<Value = Journey> {
    let lead = prop_oneof![
        4 => vec((0..8_u8).prop_map(Text::About), 0..3),
        1 => vec((0..8_u8).prop_map(Text::About), 15..19),
    ];
    let imported = prop_oneof![
        3 => Just(Vec::new()),
        1 => vec((any::<bool>(), text()), 0..80),
    ];
    (setting(), setting(), prop::bool::weighted(0.2), lead, imported, vec(step(), 1..40)).prop_map(
        |(one, other, reuses_call_ids, lead, imported, steps)| Journey {
            settings: [one, other],
            reuses_call_ids,
            lead,
            imported,
            steps,
        },
    )
}

fn setting() -> BoxedStrategy<Setting> {
    let counter = prop_oneof![3 => Just(Count::Estimate), 1 => Just(Count::Words)];
    let model = prop_oneof![Just("one"), Just("another")];
    let window = (model, 100..4_000_u32, 0..200_u32, any::<bool>());
    (policy(), window, counter, 0..40_u32, 0..60_u32)
        .prop_map(
            |(
                policy,
                (model, context_window, reserved_output, exact),
                counter,
                instructions,
                tools,
            )| {
                let model =
                    ModelWindow { model: model.to_owned(), context_window, reserved_output, exact };
                Setting { policy, model, counter, instructions, tools }
            },
        )
        .boxed()
}

fn policy() -> BoxedStrategy<Policy> {
    let window = prop_oneof![
        8 => (0..2_000_u32, 0..2_000_u32).prop_map(|(high, low)| Window::Marks { high, low }),
        2 => Just(Window::Marks { high: u32::MAX, low: u32::MAX }),
        1 => (0..20_u32).prop_map(Window::Last),
    ];
    let gate = prop_oneof![Just(Gate::Asking), Just(Gate::Known)];
    let recall = (0..800_u32, 0..=120_u8, 0..=120_u8, 0..200_u32, any::<bool>(), gate).prop_map(
        |(max_tokens, max_share, min_share, max_message, dated, gate)| Recall {
            max_tokens,
            max_share,
            min_share,
            max_message,
            dated,
            gate,
        },
    );
    let max_input = option::weighted(0.2, 100..3_000_u32);
    (max_input, window, option::weighted(0.8, recall), option::of(0..400_u32))
        .prop_map(|(max_input, window, recall, summary)| Policy {
            max_input,
            window,
            recall,
            summary,
        })
        .boxed()
}

fn step() -> BoxedStrategy<Step> {
    let summary = prop_oneof![3 => (0..8_u8).prop_map(Text::About), 1 => text()];
    prop_oneof![
        20 => turn().prop_map(Step::Turn),
        6 => (option::of(0..4_usize), summary)
            .prop_map(|(lag, summary)| Step::Derive { lag, summary }),
        1 => (-3_000..10_000_i64).prop_map(Step::Wait),
        1 => (10..300_u32).prop_map(Step::Usage),
        1 => any::<u16>().prop_map(Step::Delete),
        1 => (40_000..=u16::MAX).prop_map(Step::Branch),
    ]
    .boxed()
}

fn turn() -> BoxedStrategy<Turn> {
    let pins = prop_oneof![4 => Just(Vec::new()), 1 => vec(any::<u16>(), 1..4)];
    let disabled = prop::bool::weighted(0.03);
    (input(), answer(), prop::bool::weighted(0.1), disabled, pins)
        .prop_map(|(input, answer, other_setting, disabled, pins)| Turn {
            input,
            answer,
            other_setting,
            disabled,
            pins,
        })
        .boxed()
}

fn input() -> BoxedStrategy<Input> {
    let outputs = (prop::bool::weighted(0.8), text(), option::weighted(0.1, text()));
    prop_oneof![
        8 => text().prop_map(Input::Said),
        1 => (text(), text()).prop_map(|(one, other)| Input::SaidTwice(one, other)),
        1 => (text(), text()).prop_map(|(note, text)| Input::Noted(note, text)),
        12 => outputs.prop_map(|(all, output, then)| Input::Outputs { all, output, then }),
        1 => text().prop_map(Input::Late),
        1 => Just(Input::Stray),
        1 => (text(), text()).prop_map(|(summary, text)| Input::Compacted(summary, text)),
    ]
    .boxed()
}

fn answer() -> BoxedStrategy<Answer> {
    let calls = (1..4_u8, any::<bool>(), option::weighted(0.2, text()));
    prop_oneof![
        1 => Just(Answer::Nothing),
        6 => text().prop_map(Answer::Words),
        1 => Just(Answer::Thought),
        2 => text().prop_map(Answer::ThoughtAndWords),
        6 => calls.prop_map(|(count, thought, words)| Answer::Calls { count, thought, words }),
    ]
    .boxed()
}
