//! The start of a turn.

use loquat_domain::{Conversation, ConversationId, ItemId, ResponseId, Scope, Timestamp, Title};
use loquat_store::{BeginTurn, Place, StoreError, TurnHome, json};

use crate::{
    answers::{self, Answer, EarlierRow},
    arguments::{self, NewItems, micros},
    pool::{Pool, Repeat},
    rows::Maybe,
    statement::{Call, Value},
};

/// Stores a turn's start.
pub(super) async fn begin(pool: &Pool, scope: &Scope, turn: &BeginTurn) -> Result<(), StoreError> {
    let response = &turn.response;
    let settings = json::encode_settings(&response.settings)?;
    let metadata = json::encode_metadata(&response.metadata);
    let home = Home::from(&turn.home);
    let input = NewItems::new(&turn.input);
    let own = [
        response.id.as_uuid().into(),
        response.conversation.is_some().into(),
        turn.hidden.into(),
        response.background.into(),
        response.previous.map(ResponseId::as_uuid).into(),
        response.model.as_str().into(),
        (&settings).into(),
        (&metadata).into(),
        turn.receipt.as_str().into(),
        response.status.as_str().into(),
        response.created_at.as_micros().into(),
        micros(turn.lease).into(),
    ];
    let once = arguments::once(turn.once.as_ref());
    let change = turn.context.as_ref();
    let change = [
        change.and_then(|change| change.expected).into(),
        change.map(|change| change.anchor).into(),
        change.map(|change| change.state.as_str()).into(),
    ];
    let begin = Call::of("begin_turn_v2", scope, &own)
        .and(&home.values())
        .and(&input.values())
        .and(&once)
        .and(&change);
    let rows: Vec<Answer<Maybe<EarlierRow>>> = pool.call(begin, Repeat::Never).await?;
    answers::once(rows)
}

/// Where the turn takes place.
struct Home<'a> {
    conversation: ConversationId,
    new: Option<&'a Conversation>,
    new_metadata: Option<String>,
    new_listed: Option<bool>,
    at_leaf: bool,
    after: Option<ItemId>,
}

impl<'a> From<&'a TurnHome> for Home<'a> {
    fn from(home: &'a TurnHome) -> Self {
        match home {
            TurnHome::New { conversation, listed } => Self {
                conversation: conversation.id,
                new: Some(conversation),
                new_metadata: Some(json::encode_metadata(&conversation.metadata)),
                new_listed: Some(*listed),
                at_leaf: false,
                after: None,
            },
            TurnHome::Existing { id, place } => {
                let (at_leaf, after) = match *place {
                    Place::Leaf(leaf) => (true, leaf),
                    Place::After(item) => (false, item),
                };
                let (new, new_metadata, new_listed) = (None, None, None);
                Self { conversation: *id, new, new_metadata, new_listed, at_leaf, after }
            }
        }
    }
}

impl Home<'_> {
    fn values(&self) -> [Value<'_>; 10] {
        [
            self.conversation.as_uuid().into(),
            self.new.is_some().into(),
            self.new_listed.into(),
            self.new.and_then(|new| new.title.as_ref()).map(Title::as_str).into(),
            self.new_metadata.as_deref().into(),
            self.new.map(|new| new.archived).into(),
            self.new.map(|new| new.created_at).map(Timestamp::as_micros).into(),
            self.new.map(|new| new.updated_at).map(Timestamp::as_micros).into(),
            self.at_leaf.into(),
            self.after.map(ItemId::as_uuid).into(),
        ]
    }
}
