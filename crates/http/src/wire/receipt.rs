//! The receipt's form, for the description. What is sent is the context engine's own, as it is
//! stored; a test compares the two.
#![expect(dead_code, reason = "describes what the context engine writes")]

use utoipa::ToSchema;

/// What a prompt was made of, and what stayed out. `docs/context.md` shows how to read it.
#[derive(ToSchema)]
#[schema(as = Receipt)]
pub(crate) struct ReceiptBody {
    /// Version of this form: 2. Receipts of version 1 have other fields.
    v: u8,
    counter: Counter,
    budget: Budget,
    /// What the prompt is made of, in order. Their tokens add up to `budget.used`.
    sections: Vec<Section>,
    /// Ids of the operator's messages that begin the conversation and stay.
    lead: Vec<String>,
    /// Ids of the pinned messages that are not in the window.
    pinned: Vec<String>,
    #[schema(required)]
    window: Option<Window>,
    #[schema(required)]
    summary: Option<Summary>,
    /// What was fetched back, oldest first.
    recalled: Vec<Recalled>,
    /// Items that were looked at and stayed out.
    dropped: Vec<Dropped>,
    /// How many more stayed out: `dropped` names the first 256.
    more_dropped: usize,
    gate: Gate,
    cache: Cache,
    /// True when the whole history is in the prompt.
    whole_history: bool,
}

/// What all tokens of the receipt were counted with.
#[derive(ToSchema)]
#[schema(as = ReceiptCounter)]
struct Counter {
    /// The counter's name: `o200k-1`, `cl100k-1` or `estimate-1`.
    id: String,
    /// False when tokens are estimates.
    exact: bool,
    /// The provider's tokens for each of ours, in eighths, as far as its usage has shown; 8 when
    /// nothing is known.
    eighths: u8,
}

/// What there was room for, in tokens.
#[derive(ToSchema)]
#[schema(as = ReceiptBudget)]
struct Budget {
    /// The model's window, prompt and answer together, as the provider counts.
    model_window: u32,
    /// Kept free for the answer, as the provider counts.
    reserved_output: u32,
    /// The most that the prompt could have.
    max_input: u32,
    /// What it has.
    used: u32,
}

/// A part of the prompt.
#[derive(ToSchema)]
#[schema(as = ReceiptSection)]
struct Section {
    /// `tools`, `instructions`, `lead`, `pinned`, `summary`, `window`, `recalled` or `input`.
    kind: String,
    tokens: u32,
    items: u32,
}

/// The run of items that is sent as it is; null when nothing came before.
#[derive(ToSchema)]
#[schema(as = ReceiptWindow)]
struct Window {
    /// Id of its first item; null when nothing but the messages of `opening` is left of it.
    #[schema(required)]
    from: Option<String>,
    /// Id of its last item.
    #[schema(required)]
    to: Option<String>,
    /// Ids of the messages that its first turn began with, when the oldest steps of that turn are
    /// left out.
    opening: Vec<String>,
    /// The most tokens that it may have before it is cut.
    high: u32,
    /// Down to which it is cut then.
    low: u32,
    /// What left it with this prompt.
    #[schema(required)]
    evicted: Option<Evicted>,
}

/// A run of items that left the window.
#[derive(ToSchema)]
#[schema(as = ReceiptEvicted)]
struct Evicted {
    /// Id of the first that was loaded; more may have left before it.
    from: String,
    /// Id of the last.
    to: String,
    /// How many were loaded.
    items: u32,
    /// Their tokens.
    tokens: u32,
}

/// The summary of what came before the window; null when there is none.
#[derive(ToSchema)]
#[schema(as = ReceiptSummary)]
struct Summary {
    /// Position of the last item that it covers.
    covers_to: i64,
    /// True when items between it and the window are in neither.
    stale: bool,
    /// True when it is in the prompt.
    sent: bool,
    /// True when only its beginning is: there is no room for more.
    excerpt: bool,
}

/// A message that was fetched back.
#[derive(ToSchema)]
#[schema(as = ReceiptRecalled)]
struct Recalled {
    /// Its id.
    item: String,
    /// How well it matches, in units of the ranking.
    score: u32,
    /// How many words of the new message it has itself; 0 when its neighbours have them.
    terms: u8,
    /// Its tokens as it is quoted.
    tokens: u32,
    /// True when only a part of it is quoted.
    excerpt: bool,
}

/// An item that stayed out.
#[derive(ToSchema)]
#[schema(as = ReceiptDropped)]
struct Dropped {
    /// Its id.
    item: String,
    tokens: u32,
    /// Why: for instance `below_min_share` or `over_budget`.
    why: String,
}

/// Whether something was looked for in what has left the window.
#[derive(ToSchema)]
#[schema(as = ReceiptGate)]
struct Gate {
    fired: bool,
    /// `asked`, or why not: `no_recall`, `no_message`, `not_asked`, `nothing_evicted` or
    /// `too_few_known_terms`.
    why: String,
}

/// What a provider's prompt cache can make of it.
#[derive(ToSchema)]
#[schema(as = ReceiptCache)]
struct Cache {
    /// Tokens of all sections that later prompts repeat until the next eviction.
    stable_prefix_tokens: u32,
    /// Fingerprint of what is said in them, to compare prompts by.
    prefix_hash: String,
    /// The least tokens that the provider should find in its cache, if it still has the prompt
    /// before; to be compared with `usage.input_tokens_details.cached_tokens`.
    expected_hit_tokens: u32,
}
