//! Tells the calls of one answer apart.

use loquat_provider::{ProviderError, ProviderEvent};
use loquat_provider_http::WireText;

use crate::tool_calls::fresh_id;

/// The calls so far, numbered by us in the order in which they begin.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Call>);

#[derive(Debug)]
struct Call {
    /// The number of its item.
    place: Option<u32>,
    id: String,
}

impl Calls {
    /// True when the model has asked for at least one function.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// The call whose item has this number; the last one when the server does not number, or wrongly.
    pub(super) fn at(&self, place: Option<u32>) -> Option<u32> {
        let numbered = self.0.iter().rposition(|call| call.place == place);
        let at = numbered.or_else(|| self.0.len().checked_sub(1))?;
        u32::try_from(at).ok()
    }

    /// Finds or begins the call of an item: its number and, when it begins, the event that says so.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Protocol`] when a call that begins has no name.
    pub(super) fn begin(
        &mut self,
        id: Option<WireText<'_>>,
        name: Option<WireText<'_>>,
        place: Option<u32>,
    ) -> Result<(u32, Option<ProviderEvent>), ProviderError> {
        let id = id.map(WireText::into_text).unwrap_or_default();
        // A server may forget the number, or draw a new id with each event, but not both.
        let known = self.0.iter().rposition(|call| {
            (place.is_some() && call.place == place) || (!id.is_empty() && call.id == id)
        });
        let at = known.unwrap_or(self.0.len());
        let index = u32::try_from(at).map_err(|_| ProviderError::Protocol("too many calls"))?;
        if known.is_some() {
            return Ok((index, None));
        }
        let name = name.map(WireText::into_text).unwrap_or_default();
        if name.is_empty() {
            return Err(ProviderError::Protocol("a call of a function without a name"));
        }
        let id = if id.is_empty() { fresh_id()? } else { id };
        self.0.push(Call { place, id: id.clone() });
        Ok((index, Some(ProviderEvent::ToolCallStarted { index, call_id: id, name })))
    }
}
