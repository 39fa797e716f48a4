//! Reads a table of the file key by key, so that every fault is found and named at once, where
//! serde alone would stop at the first.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::Faults;

/// Reads the keys of `table`, which is at `path`; a faulty key keeps its default.
///
/// `T` must have a default for every key but `tag`, the one that chooses between kinds of tables.
/// None when not even the rest of the table can be read.
pub(crate) fn section<T: DeserializeOwned>(
    path: &str,
    table: Table,
    tag: Option<&str>,
    faults: &mut Faults,
) -> Option<T> {
    let mut sound = Table::new();
    if let Some((tag, value)) = tag.and_then(|tag| table.get_key_value(tag)) {
        sound.insert(tag.clone(), value.clone());
    }
    if let Err(error) = T::deserialize(Value::Table(sound.clone())) {
        let key = tag.map_or_else(|| path.to_owned(), |tag| format!("{path}.{tag}"));
        faults.add(&key, explain(error.message()));
        return None;
    }
    for (key, value) in table {
        let mut probe = sound.clone();
        probe.insert(key.clone(), value);
        match T::deserialize(Value::Table(probe.clone())) {
            Ok(_) => sound = probe,
            Err(error) => faults.add(&format!("{path}.{key}"), explain(error.message())),
        }
    }
    T::deserialize(Value::Table(sound)).ok()
}

/// The table at `path`, whose last word is its key in `parent`; empty when there is none.
pub(crate) fn table(parent: &mut Table, path: &str, faults: &mut Faults) -> Table {
    let key = path.rsplit_once('.').map_or(path, |(_, key)| key);
    match parent.remove(key) {
        None => Table::new(),
        Some(Value::Table(table)) => table,
        Some(_) => {
            faults.add(path, format!("must be a table, written as [{path}]"));
            Table::new()
        }
    }
}

/// The tables within the table at `path`, by name.
pub(crate) fn tables(parent: &mut Table, path: &str, faults: &mut Faults) -> Vec<(String, Table)> {
    let mut named = Vec::new();
    for (name, value) in table(parent, path, faults) {
        if let Value::Table(table) = value {
            named.push((name, table));
        } else {
            let text = format!("must be a table, written as [{path}.NAME]");
            faults.add(&format!("{path}.{name}"), text);
        }
    }
    named
}

/// The tables of the list at `path`, whose last word is its key in `parent`, in order.
pub(crate) fn list<T: Default + DeserializeOwned>(
    parent: &mut Table,
    path: &str,
    faults: &mut Faults,
) -> Vec<T> {
    let key = path.rsplit_once('.').map_or(path, |(_, key)| key);
    let entries = match parent.remove(key) {
        None => Vec::new(),
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            faults.add(path, format!("must be a list of tables, each written as [[{path}]]"));
            Vec::new()
        }
    };
    let mut read = Vec::new();
    for (at, entry) in entries.into_iter().enumerate() {
        let at = format!("{path}[{at}]");
        if let Value::Table(entry) = entry {
            read.push(section(&at, entry, None, faults).unwrap_or_default());
        } else {
            faults.add(&at, format!("must be a table, written as [[{path}]]"));
        }
    }
    read
}

/// Says in plain words what serde found, without the value that it found.
pub(crate) fn explain(message: &str) -> String {
    let message = message.trim();
    if let Some((_, known)) =
        message.split_once("unknown field `").and_then(|it| it.1.split_once("`, expected "))
    {
        let known = known.trim_start_matches("one of ");
        return format!("there is no such key; the keys here are {known}");
    }
    if let Some((_, known)) =
        message.split_once("unknown variant `").and_then(|it| it.1.split_once("`, expected "))
    {
        return format!("must be {}", known.replace('`', "\""));
    }
    if let Some(kind) = message.strip_prefix("missing field ") {
        return format!("{kind} is missing");
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("must be {}", plain(expected)),
        None => message.to_owned(),
    }
}

/// Rust's name of a type, in words of the file format.
fn plain(expected: &str) -> &str {
    match expected {
        "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "a string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list in square brackets",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Shop {
        doors: u32,
        name: String,
        open: bool,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    enum Thing {
        Shop(Shop),
    }

    fn read<T: DeserializeOwned>(text: &str, tag: Option<&str>) -> (Option<T>, String) {
        let mut faults = Faults::default();
        let read = section("a", toml::from_str(text).unwrap(), tag, &mut faults);
        (read, faults.to_string())
    }

    #[test]
    fn every_fault_is_found_and_no_value_is_repeated() {
        let (read, faults) = read::<Shop>(
            "doors = \"canary, expected 3\"\nname = 7\nopen = true\nowner = \"canary\"",
            None,
        );
        assert_eq!(read, Some(Shop { open: true, ..Shop::default() }));
        assert_eq!(
            faults,
            "loquat: a.doors: must be a whole number that is not negative\n\
             loquat: a.name: must be text in quotes\n\
             loquat: a.owner: there is no such key; the keys here are `doors`, `name`, `open`\n"
        );
    }

    #[test]
    fn a_kind_of_table_is_chosen_by_its_tag() {
        let (thing, faults) = read::<Thing>("kind = \"shop\"\ndoors = 2", Some("kind"));
        assert_eq!(thing, Some(Thing::Shop(Shop { doors: 2, ..Shop::default() })));
        assert_eq!(faults, "");
        let (_, faults) = read::<Thing>("kind = \"shop\"\nrooms = 2", Some("kind"));
        assert!(faults.starts_with("loquat: a.rooms: there is no such key"), "{faults}");
    }

    #[test]
    fn a_wrong_or_missing_tag_says_which_there_are() {
        let (thing, faults) = read::<Thing>("kind = \"canary\"\ndoors = 2", Some("kind"));
        assert_eq!((thing, faults.as_str()), (None, "loquat: a.kind: must be \"shop\"\n"));
        let (thing, faults) = read::<Thing>("doors = 2", Some("kind"));
        assert_eq!((thing, faults.as_str()), (None, "loquat: a.kind: `kind` is missing\n"));
    }
}
