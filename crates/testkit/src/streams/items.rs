//! Items of an output as they come.

use serde_json::Value;

use super::{
    Rule,
    fields::Fields,
    parts::{List, PartKind, Parts, Pieces, check_part},
    rule,
};

/// Checks an item of an output wherever it stands, and returns its status.
pub(super) fn check_item(item: &Value) -> Rule<&str> {
    let fields = Fields::of(item, "an item")?;
    let kind = fields.text("type")?;
    let prefix = match kind {
        "message" => {
            fields.exactly("role", "assistant")?;
            for part in fields.array("content")? {
                check_part(part, kind)?;
            }
            "msg_"
        }
        "function_call" => {
            fields.text("call_id")?;
            fields.text("name")?;
            fields.string("arguments")?;
            "fc_"
        }
        "reasoning" => {
            for part in fields.array("summary")? {
                check_part(part, kind)?;
            }
            if fields.has("content") {
                for part in fields.array("content")? {
                    check_part(part, kind)?;
                }
            }
            "rs_"
        }
        _ => return Err(format!("no client knows such an item: {item}")),
    };
    let id = fields.string("id")?;
    rule(id.starts_with(prefix), || format!("the id of a {kind} begins with `{prefix}`: {id}"))?;
    fields.one_of("status", &["in_progress", "completed", "incomplete"])
}

/// The output as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) done: Vec<Value>,
    open: Option<OpenItem>,
}

#[derive(Debug)]
struct OpenItem {
    added: Value,
    content: Parts,
    summary: Parts,
    arguments: Pieces,
}

impl OpenItem {
    fn kind(&self) -> &str {
        self.added.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    fn list(&mut self, list: List) -> &mut Parts {
        match list {
            List::Content => &mut self.content,
            List::Summary => &mut self.summary,
        }
    }
}

impl Output {
    pub(super) fn item_added(&mut self, event: Fields<'_>) -> Rule {
        rule(self.open.is_none(), || "an item begins before the last is done".to_owned())?;
        event.exactly("output_index", self.done.len())?;
        let item = event.nullable("item")?.unwrap_or(&Value::Null);
        let status = check_item(item)?;
        let fields = Fields::of(item, "the item")?;
        rule(status == "in_progress", || format!("an item begins as {status}"))?;
        let same_id = |done: &Value| done.get("id") == item.get("id");
        rule(!self.done.iter().any(same_id), || format!("an id comes twice: {item}"))?;
        let cut_off = |done: &Value| Fields::of(done, "")?.exactly("status", "completed");
        self.done
            .iter()
            .try_for_each(cut_off)
            .map_err(|_| format!("something follows an incomplete item: {item}"))?;
        for key in ["content", "summary"] {
            rule(!fields.has(key) || fields.array(key)?.is_empty(), || {
                format!("an item begins with {key}: {item}")
            })?;
        }
        rule(!fields.has("arguments") || fields.string("arguments")?.is_empty(), || {
            format!("a call begins with arguments: {item}")
        })?;
        self.open = Some(OpenItem {
            added: item.clone(),
            content: Parts::default(),
            summary: Parts::default(),
            arguments: Pieces::default(),
        });
        Ok(())
    }

    /// The item that is open, which the event must be about.
    fn open(&mut self, event: Fields<'_>) -> Rule<&mut OpenItem> {
        event.exactly("output_index", self.done.len())?;
        let open = self.open.as_mut().ok_or("no item is open")?;
        event.exactly("item_id", open.added.get("id").cloned().unwrap_or_default())?;
        Ok(open)
    }

    pub(super) fn part_added(&mut self, event: Fields<'_>, list: List) -> Rule {
        let open = self.open(event)?;
        let kind = open.kind().to_owned();
        open.list(list).added(event, &kind, list)
    }

    pub(super) fn part_done(&mut self, event: Fields<'_>, list: List) -> Rule {
        let open = self.open(event)?;
        let kind = open.kind().to_owned();
        open.list(list).part_done(event, &kind, list)
    }

    pub(super) fn delta(&mut self, event: Fields<'_>, kind: &PartKind) -> Rule {
        self.open(event)?.list(kind.list).delta(event, kind)
    }

    pub(super) fn text_done(&mut self, event: Fields<'_>, kind: &PartKind) -> Rule {
        self.open(event)?.list(kind.list).text_done(event, kind)
    }

    pub(super) fn annotation(&mut self, event: Fields<'_>) -> Rule {
        self.open(event)?.content.annotation(event)
    }

    fn open_call(&mut self, event: Fields<'_>) -> Rule<&mut OpenItem> {
        let open = self.open(event)?;
        rule(open.kind() == "function_call", || "no function call is open".to_owned())?;
        Ok(open)
    }

    pub(super) fn arguments_delta(&mut self, event: Fields<'_>) -> Rule {
        self.open_call(event)?.arguments.push(event.text("delta")?)
    }

    pub(super) fn arguments_done(&mut self, event: Fields<'_>) -> Rule {
        let open = self.open_call(event)?;
        event.exactly("name", open.added.get("name").cloned().unwrap_or_default())?;
        open.arguments.end(event.string("arguments")?)
    }

    pub(super) fn item_done(&mut self, event: Fields<'_>) -> Rule {
        event.exactly("output_index", self.done.len())?;
        let item = event.nullable("item")?.unwrap_or(&Value::Null);
        let status = check_item(item)?;
        rule(status != "in_progress", || format!("an item is done and in progress: {item}"))?;
        let open = self.open.take().ok_or("an item is done that did not begin")?;
        open.content.check_closed()?;
        open.summary.check_closed()?;
        let fields = Fields::of(item, "the item")?;
        for key in ["id", "type", "role", "call_id", "name"] {
            rule(item.get(key) == open.added.get(key), || {
                format!("`{key}` of an item changed from {} to {item}", open.added)
            })?;
        }
        match open.kind() {
            "function_call" => open.arguments.check(fields.string("arguments")?)?,
            "reasoning" => {
                fields.exactly("summary", open.summary.done)?;
                if fields.has("content") || !open.content.done.is_empty() {
                    fields.exactly("content", open.content.done)?;
                }
            }
            _ => fields.exactly("content", open.content.done)?,
        }
        self.done.push(item.clone());
        Ok(())
    }

    pub(super) fn check_closed(&self) -> Rule {
        rule(self.open.is_none(), || "the response ends before its last item".to_owned())
    }
}
