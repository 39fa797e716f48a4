//! A charge.

use loquat_domain::{Charge, ConversationId, Price, ResponseId, TokenParts};

use super::amount;
use crate::key::Key;

/// A charge as it is written. Made before the writer's turn comes.
#[derive(Debug)]
pub(crate) struct ChargeRow {
    pub(crate) id: Key,
    pub(crate) at: i64,
    pub(crate) purpose: &'static str,
    pub(crate) conversation: Option<Key>,
    pub(crate) response: Option<Key>,
    pub(crate) attempt: i64,
    pub(crate) model: String,
    pub(crate) asked: String,
    pub(crate) provider: String,
    pub(crate) upstream: String,
    /// Of input, cached, cache-write, output and reasoning, in this order.
    pub(crate) tokens: [i64; 5],
    /// In the same order.
    pub(crate) price: [i64; 5],
    pub(crate) cost: i64,
    pub(crate) estimated: bool,
}

impl From<&Charge> for ChargeRow {
    fn from(charge: &Charge) -> Self {
        let TokenParts { input, cached, cache_write, output, reasoning } = charge.tokens;
        let tokens = [input, cached, cache_write, output, reasoning];
        let Price { input, cached, cache_write, output, reasoning } = charge.price;
        let price = [input, cached, cache_write, output, reasoning];
        Self {
            id: charge.id.into(),
            at: charge.at.as_micros(),
            purpose: charge.purpose.as_str(),
            conversation: charge.conversation.map(ConversationId::into),
            response: charge.response.map(ResponseId::into),
            attempt: charge.attempt.into(),
            model: charge.model.clone(),
            asked: charge.asked.clone(),
            provider: charge.provider.clone(),
            upstream: charge.upstream.clone(),
            tokens: tokens.map(amount),
            price: price.map(|price| amount(price.0)),
            cost: amount(charge.cost.0),
            estimated: charge.estimated,
        }
    }
}
