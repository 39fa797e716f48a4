//! Secrets that the configuration names by their environment variable.

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Environment, Faults};

/// The value of the variable that the configuration names at `key`.
///
/// No fault repeats the name: it may be a secret in the wrong place.
pub(crate) fn of_variable(
    key: &str,
    variable: &str,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<SecretString> {
    let secret = faults.take(key, environment.secret(variable))?;
    match secret {
        Some(secret) if !secret.expose_secret().is_empty() => Some(secret),
        Some(_) => {
            faults.add(key, "the environment variable of that name is empty: put the secret there");
            None
        }
        None => {
            faults.add(key, "there is no environment variable of that name: put the secret there");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variable: &str) -> (bool, String) {
        let environment = Environment::of([("KEY", "value"), ("EMPTY", "")]);
        let mut faults = Faults::default();
        let secret = of_variable("a.key_env", variable, &environment, &mut faults);
        (secret.is_some_and(|secret| secret.expose_secret() == "value"), faults.to_string())
    }

    #[test]
    fn a_variable_that_is_set_is_read() {
        assert_eq!(read("KEY"), (true, String::new()));
    }

    #[test]
    fn a_variable_that_is_missing_or_empty_is_a_fault() {
        assert!(read("OTHER").1.starts_with("loquat: a.key_env: there is no environment variable"));
        assert!(read("EMPTY").1.starts_with("loquat: a.key_env: the environment variable"));
    }
}
