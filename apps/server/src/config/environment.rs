//! The process's environment: the only place of the workspace that reads it.

use std::env::VarError;

use secrecy::SecretString;

/// The environment variables. They hold secrets, so that this does not print.
pub(crate) struct Environment(Source);

enum Source {
    Process,
    /// What a test says.
    #[cfg(test)]
    Fixed(std::collections::BTreeMap<String, String>),
}

/// The variable is set to something that is not Unicode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be Unicode text")]
pub(crate) struct NotUnicode;

impl Environment {
    /// The environment of this process.
    pub(crate) const fn of_process() -> Self {
        Self(Source::Process)
    }

    /// An environment of these variables only.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(Source::Fixed(owned.into()))
    }

    /// A variable's value; none when it is not set. An empty value is a value.
    pub(crate) fn variable(&self, name: &str) -> Result<Option<String>, NotUnicode> {
        match &self.0 {
            Source::Process => of_process(name),
            #[cfg(test)]
            Source::Fixed(variables) => Ok(variables.get(name).cloned()),
        }
    }

    /// A variable that other programs read too, and which they take as unset when it is empty or
    /// unreadable.
    pub(crate) fn shared(&self, name: &str) -> Option<String> {
        self.variable(name).ok().flatten().filter(|value| !value.is_empty())
    }

    /// A variable that holds a secret.
    pub(crate) fn secret(&self, name: &str) -> Result<Option<SecretString>, NotUnicode> {
        Ok(self.variable(name)?.map(SecretString::from))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that everybody else uses")]
fn of_process(name: &str) -> Result<Option<String>, NotUnicode> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(NotUnicode),
    }
}

/// True for capital letters, digits and underscores, as POSIX names the variables of programs. Keys
/// and tokens nearly always have other characters.
pub(super) fn is_variable_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.bytes().all(allowed) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_place_of_a_name_is_told_from_one() {
        assert!(is_variable_name("LOCAL_KEY_2") && is_variable_name("_"));
        for text in ["sk-canary", "canary", "7CANARY", "", "CANARY=", "CANARY "] {
            assert!(!is_variable_name(text), "{text:?}");
        }
    }
}
