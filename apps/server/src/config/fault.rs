//! What is wrong with a configuration, said so that it can be put right.

use std::{collections::BTreeMap, fmt};

/// Everything that is wrong, in the order in which it was found.
///
/// Each fault names its key and, where the value came from the environment or a flag, that too.
/// The texts never repeat a value: it may be a secret in the wrong place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    found: Vec<Fault>,
    /// By key: the variable or flag that its value came from.
    origins: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    key: String,
    text: String,
}

impl Faults {
    /// One fault alone, of something that happens after the configuration was checked.
    pub(crate) fn of(key: &str, text: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(key, text);
        faults
    }

    /// Says after each fault what to do.
    pub(crate) fn with_advice(mut self, advice: &str) -> Self {
        for Fault { text, .. } in &mut self.found {
            text.push_str("; ");
            text.push_str(advice);
        }
        self
    }

    /// Notes that the value of a key came from a variable or a flag.
    pub(crate) fn note_origin(&mut self, key: &str, origin: &str) {
        self.origins.insert(key.to_owned(), origin.to_owned());
    }

    /// Adds a fault: a sentence that says what is wrong and what to do. Of one key only the first
    /// is kept, since the others follow from it.
    pub(crate) fn add(&mut self, key: &str, text: impl Into<String>) {
        if !self.found.iter().any(|fault| fault.key == key) {
            self.found.push(Fault { key: key.to_owned(), text: text.into() });
        }
    }

    /// The value, or the fault in its place.
    pub(crate) fn take<T, E: fmt::Display>(
        &mut self,
        key: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(key, error.to_string())).ok()
    }

    /// What was made of a sound configuration; fails when anything is wrong.
    pub(crate) fn or<T>(self, made: Option<T>) -> Result<T, Self> {
        made.filter(|_| self.found.is_empty()).ok_or(self)
    }
}

impl fmt::Display for Faults {
    /// One line a fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Fault { key, text } in &self.found {
            match self.origins.get(key) {
                Some(origin) => writeln!(f, "loquat: {origin} ({key}): {text}")?,
                None => writeln!(f, "loquat: {key}: {text}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_a_line_that_names_its_key_and_its_origin() {
        let mut faults = Faults::default();
        faults.note_origin("server.listen", "LOQUAT_LISTEN");
        faults.add("server.listen", "must be an address");
        faults.add("database.url", "must name a file");
        assert_eq!(
            faults.to_string(),
            "loquat: LOQUAT_LISTEN (server.listen): must be an address\n\
             loquat: database.url: must name a file\n"
        );
    }

    #[test]
    fn of_one_key_the_first_fault_is_told() {
        let mut faults = Faults::of("auth.keys", "first");
        faults.add("auth.keys", "second");
        assert_eq!(faults.to_string(), "loquat: auth.keys: first\n");
    }
}
