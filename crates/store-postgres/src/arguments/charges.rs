//! Charges, an array a column.

use std::borrow::Cow;

use loquat_domain::{Charge, ConversationId, Price, ResponseId, TokenParts};
use uuid::Uuid;

use super::integer;
use crate::statement::Value;

/// New charges.
#[derive(Debug, Default)]
pub(crate) struct Charges<'a> {
    ids: Vec<Option<Uuid>>,
    ats: Vec<Option<i64>>,
    purposes: Vec<Option<Cow<'a, str>>>,
    conversations: Vec<Option<Uuid>>,
    responses: Vec<Option<Uuid>>,
    attempts: Vec<Option<i64>>,
    models: Vec<Option<Cow<'a, str>>>,
    asked: Vec<Option<Cow<'a, str>>>,
    providers: Vec<Option<Cow<'a, str>>>,
    upstreams: Vec<Option<Cow<'a, str>>>,
    /// By part, in the order of [`TokenParts`].
    tokens: [Vec<Option<i64>>; 5],
    /// Likewise.
    prices: [Vec<Option<i64>>; 5],
    costs: Vec<Option<i64>>,
    estimated: Vec<bool>,
}

impl<'a> Charges<'a> {
    pub(crate) fn new(charges: &'a [Charge]) -> Self {
        let mut columns = Self::default();
        for charge in charges {
            let text = |text: &'a String| Some(Cow::Borrowed(text.as_str()));
            columns.ids.push(Some(charge.id));
            columns.ats.push(Some(charge.at.as_micros()));
            columns.purposes.push(Some(Cow::Borrowed(charge.purpose.as_str())));
            columns.conversations.push(charge.conversation.map(ConversationId::as_uuid));
            columns.responses.push(charge.response.map(ResponseId::as_uuid));
            columns.attempts.push(Some(i64::from(charge.attempt)));
            columns.models.push(text(&charge.model));
            columns.asked.push(text(&charge.asked));
            columns.providers.push(text(&charge.provider));
            columns.upstreams.push(text(&charge.upstream));
            let TokenParts { input, cached, cache_write, output, reasoning } = charge.tokens;
            let tokens = [input, cached, cache_write, output, reasoning];
            for (column, tokens) in columns.tokens.iter_mut().zip(tokens) {
                column.push(Some(integer(tokens)));
            }
            let Price { input, cached, cache_write, output, reasoning } = charge.price;
            let prices = [input, cached, cache_write, output, reasoning];
            for (column, price) in columns.prices.iter_mut().zip(prices) {
                column.push(Some(integer(price.0)));
            }
            columns.costs.push(Some(integer(charge.cost.0)));
            columns.estimated.push(charge.estimated);
        }
        columns
    }

    pub(crate) fn values(&self) -> [Value<'_>; 22] {
        let [input, cached, cache_write, output, reasoning] = &self.tokens;
        let [input_price, cached_price, cache_write_price, output_price, reasoning_price] =
            &self.prices;
        [
            Value::Ids(&self.ids),
            Value::Integers(&self.ats),
            Value::Texts(&self.purposes),
            Value::Ids(&self.conversations),
            Value::Ids(&self.responses),
            Value::Integers(&self.attempts),
            Value::Texts(&self.models),
            Value::Texts(&self.asked),
            Value::Texts(&self.providers),
            Value::Texts(&self.upstreams),
            Value::Integers(input),
            Value::Integers(cached),
            Value::Integers(cache_write),
            Value::Integers(output),
            Value::Integers(reasoning),
            Value::Integers(input_price),
            Value::Integers(cached_price),
            Value::Integers(cache_write_price),
            Value::Integers(output_price),
            Value::Integers(reasoning_price),
            Value::Integers(&self.costs),
            Value::Flags(&self.estimated),
        ]
    }
}
