//! What was used and what it cost.

use std::collections::BTreeMap;

use async_trait::async_trait;
use loquat_domain::{Charge, Micros, Page, Price, Scope, TokenParts, UserId};
use loquat_store::{
    Exchange, Ledger, StoreError, UsageGroups, UsageKey, UsageQuery, UsageRow, Whose,
};

use super::{MemoryStore, StoreCall, tenant::Tenant};

/// A charge, and whose it is.
#[derive(Debug)]
pub(super) struct ChargeRow {
    user: UserId,
    charge: Charge,
}

impl ChargeRow {
    /// What it counts as, and for which row.
    fn counted(&self, groups: UsageGroups) -> UsageRow {
        let Charge { at, conversation, model, tokens, cost, estimated, .. } = &self.charge;
        let key = UsageKey {
            day: groups.day.then(|| at.as_micros().div_euclid(86_400_000_000)),
            model: groups.model.then(|| model.clone()),
            user: groups.user.then(|| self.user.clone()),
            conversation: conversation.filter(|_| groups.conversation),
        };
        let estimated_calls = u64::from(*estimated);
        UsageRow { key, calls: 1, estimated_calls, tokens: *tokens, cost: *cost }
    }
}

/// No number greater than a column of 64 signed bits holds.
fn kept(charge: Charge) -> Charge {
    let most = |number: u64| number.min(Exchange::MOST);
    let price = |price: Micros| price.min(Micros::MAX);
    let TokenParts { input, cached, cache_write, output, reasoning } = charge.tokens;
    let tokens = TokenParts {
        input: most(input),
        cached: most(cached),
        cache_write: most(cache_write),
        output: most(output),
        reasoning: most(reasoning),
    };
    let Price { input, cached, cache_write, output, reasoning } = charge.price;
    let prices = Price {
        input: price(input),
        cached: price(cached),
        cache_write: price(cache_write),
        output: price(output),
        reasoning: price(reasoning),
    };
    Charge { tokens, price: prices, cost: price(charge.cost), ..charge }
}

impl Tenant {
    /// Adds the charges that are not in the book yet.
    pub(super) fn record(&mut self, user: &UserId, charges: Vec<Charge>) {
        for charge in charges {
            let same = |row: &&ChargeRow| {
                let it = &row.charge;
                let call = |it: &Charge| (it.response, it.purpose, it.attempt);
                it.id == charge.id || charge.response.is_some() && call(it) == call(&charge)
            };
            if self.charges.iter().find(same).is_none() {
                self.charges.push(ChargeRow { user: user.clone(), charge: kept(charge) });
            }
        }
    }
}

#[async_trait]
impl Ledger for MemoryStore {
    async fn record(&self, scope: &Scope, charges: Vec<Charge>) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::Record).await?;
        tables.of(&scope.tenant).record(&scope.user, charges);
        Ok(())
    }

    async fn usage(&self, scope: &Scope, query: UsageQuery) -> Result<Page<UsageRow>, StoreError> {
        let mut tables = self.enter(StoreCall::Usage).await?;
        let whose = |row: &&ChargeRow| match &query.whose {
            Whose::Own => row.user == scope.user,
            Whose::User(user) => row.user == *user,
            Whose::Tenant => true,
        };
        let period = query.from..query.until;
        let wanted = tables.of(&scope.tenant).charges.iter().filter(whose);
        let mut rows = BTreeMap::<UsageKey, UsageRow>::new();
        for row in wanted.filter(|row| period.contains(&row.charge.at)) {
            let counted = row.counted(query.groups);
            rows.entry(counted.key.clone())
                .and_modify(|sum| {
                    sum.calls += counted.calls;
                    sum.estimated_calls += counted.estimated_calls;
                    sum.tokens += counted.tokens;
                    sum.cost = sum.cost.plus(counted.cost);
                })
                .or_insert(counted);
        }
        let after = query.after.as_ref();
        let follow = rows.into_values().filter(|row| after.is_none_or(|after| row.key > *after));
        Ok(Page::from_read_ahead(follow.collect(), query.limit))
    }
}
