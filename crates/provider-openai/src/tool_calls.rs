//! Tells the calls of one answer apart.

use loquat_provider::{ProviderError, ProviderEvent};
use loquat_provider_http::WireText;

use crate::chunk::ToolCallDelta;

/// The calls so far, numbered by us in the order in which they begin.
///
/// The wire numbers them too, but not every server does it right: Ollama sends calls whole and has
/// left the index out or at 0 for all of them. A new id begins a new call, whatever the index says.
#[derive(Debug, Default)]
pub(crate) struct ToolCalls {
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    wire_index: Option<u32>,
    /// Empty until the provider has named one.
    id: String,
    started: bool,
}

impl ToolCalls {
    /// True when the model has asked for at least one function.
    pub(crate) fn any(&self) -> bool {
        self.calls.iter().any(|call| call.started)
    }

    /// Finds or begins the call that the delta belongs to: its number and, when it begins with this
    /// delta, the event that says so.
    pub(crate) fn begin(
        &mut self,
        delta: &mut ToolCallDelta<'_>,
    ) -> Result<(u32, Option<ProviderEvent>), ProviderError> {
        let id = delta.id.take().map(WireText::into_text).unwrap_or_default();
        let name = delta.function.as_mut().and_then(|function| function.name.take());
        let name = name.map(WireText::into_text).unwrap_or_default();
        let at = self.find(delta.index, &id).unwrap_or(self.calls.len());
        let index = u32::try_from(at).map_err(|_| ProviderError::Protocol("too many calls"))?;
        if at == self.calls.len() {
            self.calls.push(Call { wire_index: delta.index, id, started: false });
        } else if let Some(call) = self.calls.get_mut(at).filter(|call| call.id.is_empty()) {
            call.id = id;
        }
        let Some(call) = self.calls.get_mut(at).filter(|call| !call.started && !name.is_empty())
        else {
            return Ok((index, None));
        };
        call.started = true;
        if call.id.is_empty() {
            call.id = fresh_id()?;
        }
        let call_id = call.id.clone();
        Ok((index, Some(ProviderEvent::ToolCallStarted { index, call_id, name })))
    }

    /// True when the call's function has been named, so that arguments may follow.
    pub(crate) fn is_started(&self, index: u32) -> bool {
        let call = usize::try_from(index).ok().and_then(|at| self.calls.get(at));
        call.is_some_and(|call| call.started)
    }

    fn find(&self, wire_index: Option<u32>, id: &str) -> Option<usize> {
        let same_place = |call: &Call| match wire_index {
            Some(_) => call.wire_index == wire_index,
            // Without a number it can only be the last one.
            None => true,
        };
        let at = self.calls.iter().rposition(same_place)?;
        let known = &self.calls.get(at)?.id;
        (id.is_empty() || known.is_empty() || known == id).then_some(at)
    }
}

/// An id for a call whose server gave none: its output has to name something.
pub(crate) fn fresh_id() -> Result<String, ProviderError> {
    let random = getrandom::u64().map_err(|_| ProviderError::Protocol("a call without an id"))?;
    Ok(format!("call_{random:016x}"))
}
