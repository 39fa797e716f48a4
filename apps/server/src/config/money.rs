//! Amounts of money and prices.

use std::fmt;

use loquat_domain::{Micros, Price};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

/// The largest amount, in units of the currency: more than any price or budget that is meant.
const LARGEST: f64 = 1e9;

/// An amount of money, written as a number of units of the operator's currency. Kept in millionths of
/// it: what is finer is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Money(pub(crate) Micros);

impl Money {
    /// `None` for what is no amount.
    fn of_units(units: f64) -> Option<Self> {
        let fits = units.is_finite() && (0.0..=LARGEST).contains(&units);
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be from 0 to 10^15"
        )]
        fits.then(|| Self(Micros((units * 1e6).round() as u64)))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "at most 10^15, which is exact"
        )]
        serializer.serialize_f64(self.0.0 as f64 / 1e6)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;

        impl Visitor<'_> for Amount {
            type Value = Money;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of money: a number from 0 to 1000000000")
            }

            fn visit_f64<E: Error>(self, units: f64) -> Result<Money, E> {
                Money::of_units(units)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Float(units), &self))
            }

            fn visit_i64<E: Error>(self, units: i64) -> Result<Money, E> {
                let whole = i32::try_from(units).ok().map(f64::from);
                whole
                    .and_then(Money::of_units)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Signed(units), &self))
            }
        }

        deserializer.deserialize_any(Amount)
    }
}

/// `[models.NAME.price]`: what a million tokens cost, in units of the operator's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PriceSection {
    /// Of the prompt, what is neither read from nor written to the provider's cache. Default 0.
    pub(crate) input: Money,
    /// Of the prompt, what is read from the provider's cache. Default: as `input`.
    pub(crate) cached_input: Option<Money>,
    /// Of the prompt, what is written to the provider's cache. Default: as `input`.
    pub(crate) cache_write: Option<Money>,
    /// Of the answer. Default 0.
    pub(crate) output: Money,
    /// Of the answer, what the model thought. Default: as `output`.
    pub(crate) reasoning: Option<Money>,
}

impl PriceSection {
    /// The price that it says.
    pub(crate) fn price(&self) -> Price {
        let Self { input, cached_input, cache_write, output, reasoning } = *self;
        Price {
            input: input.0,
            cached: cached_input.unwrap_or(input).0,
            cache_write: cache_write.unwrap_or(input).0,
            output: output.0,
            reasoning: reasoning.unwrap_or(output).0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(toml: &str) -> Result<Price, String> {
        let section: Result<PriceSection, _> = toml::from_str(toml);
        section.map(|section| section.price()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_is_not_said_costs_as_much_as_what_it_is_a_part_of() {
        let whole = price("input = 3\noutput = 15.0").unwrap();
        assert_eq!(whole.cached, Micros(3_000_000));
        assert_eq!(whole.cache_write, Micros(3_000_000));
        assert_eq!(whole.reasoning, Micros(15_000_000));
        let parts = price("input = 0.15\ncached_input = 0.075\noutput = 0.6").unwrap();
        assert_eq!((parts.input, parts.cached), (Micros(150_000), Micros(75_000)));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for value in ["-1", "-0.5", "nan", "inf", "1e30", "\"3\""] {
            let refused = price(&format!("input = {value}")).unwrap_err();
            assert!(refused.contains("an amount of money"), "{value}: {refused}");
        }
    }
}
