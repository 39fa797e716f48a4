//! The account of a prompt.

use serde::Serialize;

/// What a prompt was made of, and what stayed out. Stored with the response as JSON.
///
/// Every item that was loaded is in it once: in the window's run of items, as a lead, pinned or
/// recalled one, or by what kept it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Version of this form.
    pub v: u8,
    /// What all tokens here were counted with.
    pub counter: Counted,
    /// What there was room for.
    pub budget: Budget,
    /// What the prompt is made of, in order. Their tokens add up to [`Budget::used`].
    pub sections: Vec<Section>,
    /// The items that begin the conversation and stay, the operator's.
    pub lead: Vec<String>,
    /// The items that the caller has pinned and that are not in the window.
    pub pinned: Vec<String>,
    /// The run of items that is sent as it is; `None` when there is none yet.
    pub window: Option<WindowReport>,
    /// The summary of what came before, if there is one.
    pub summary: Option<SummaryReport>,
    /// What was fetched back, oldest first.
    pub recalled: Vec<Recalled>,
    /// Items that were loaded and stayed out, the first 256 of them.
    pub dropped: Vec<Dropped>,
    /// How many more stayed out.
    pub more_dropped: usize,
    /// Whether something was looked for.
    pub gate: GateReport,
    /// What a provider's cache can make of it.
    pub cache: CacheReport,
    /// True when the whole history is in the prompt, or was to be had.
    pub whole_history: bool,
}

/// What tokens were counted with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The counter's name.
    pub id: String,
    /// False when tokens are estimates.
    pub exact: bool,
    /// The provider's tokens for each of ours, in eighths, as far as is known.
    pub eighths: u8,
}

/// What there was room for, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// The model's window, prompt and answer together, as the provider counts.
    pub model_window: u32,
    /// Kept free for the answer, as the provider counts.
    pub reserved_output: u32,
    /// The most that the prompt could have.
    pub max_input: u32,
    /// What it has.
    pub used: u32,
}

/// A part of the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What it is.
    pub kind: SectionKind,
    /// Its tokens.
    pub tokens: u32,
    /// How many items it has.
    pub items: usize,
}

/// What a part of the prompt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionKind {
    /// The tools' descriptions and schemas.
    Tools,
    /// The words of the operator.
    Instructions,
    /// The operator's messages that begin the conversation.
    Lead,
    /// What the caller has pinned.
    Pinned,
    /// The summary of what came before the window.
    Summary,
    /// The newest items of the conversation.
    Window,
    /// What was fetched back, inside the newest message.
    Recalled,
    /// The caller's new items.
    Input,
}

/// The run of items that is sent as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowReport {
    /// Id of its first item; `None` when nothing but the messages of `opening` is left of it.
    pub from: Option<String>,
    /// Id of its last item.
    pub to: Option<String>,
    /// The messages that its first turn began with, when its oldest steps are left out.
    pub opening: Vec<String>,
    /// The most tokens that it may have before it is cut.
    pub high: u32,
    /// Down to which it is cut then.
    pub low: u32,
    /// What left it with this prompt.
    pub evicted: Option<Evicted>,
}

/// A run of items that left the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evicted {
    /// Id of the first that was loaded; more may have left before it.
    pub from: String,
    /// Id of the last.
    pub to: String,
    /// How many were loaded.
    pub items: usize,
    /// Their tokens.
    pub tokens: u32,
}

/// A summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SummaryReport {
    /// Position of the last item that it covers.
    pub covers_to: i64,
    /// True when items between it and the window are neither in it nor in the window.
    pub stale: bool,
    /// True when it is in the prompt.
    pub sent: bool,
    /// True when only its beginning is: there is no room for more.
    pub excerpt: bool,
}

/// An item that was fetched back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recalled {
    /// Its id.
    pub item: String,
    /// How well it matches, in units of its ranking.
    pub score: u32,
    /// How many words of the new message it has itself; 0 when its neighbours have them.
    pub terms: u8,
    /// Its tokens as it is quoted.
    pub tokens: u32,
    /// True when only a part of it is quoted.
    pub excerpt: bool,
}

/// A loaded item that is not in the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Its id.
    pub item: String,
    /// Its tokens.
    pub tokens: u32,
    /// Why it stayed out.
    pub why: &'static str,
}

/// Whether something was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GateReport {
    /// True when something was.
    pub fired: bool,
    /// Why, or why not.
    pub why: &'static str,
}

/// What a provider's cache can make of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CacheReport {
    /// Tokens of all sections that later prompts repeat until the next eviction.
    pub stable_prefix_tokens: u32,
    /// Fingerprint of the items in them, to compare prompts by.
    pub prefix_hash: String,
    /// The least tokens that the provider should find in its cache, if it still has the prompt
    /// before; to be compared with what it reports.
    pub expected_hit_tokens: u32,
}
