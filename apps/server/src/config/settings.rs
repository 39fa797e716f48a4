//! The settings that have a variable and a flag of their own.

use toml::{Table, Value};

use super::{Environment, Faults, Flags};

/// A key of the file that the environment and the command line may replace.
pub(crate) struct Setting {
    /// Its key in the file.
    pub(crate) key: &'static str,
    /// Its environment variable.
    pub(crate) variable: &'static str,
    /// Its flag.
    pub(crate) flag: &'static str,
    is_number: bool,
    on_command_line: fn(&Flags) -> Option<&String>,
}

/// All of them. Whatever else is configured has more structure than a variable can hold.
pub(crate) const SETTINGS: [Setting; 8] = [
    Setting {
        key: "default_model",
        variable: "LOQUAT_DEFAULT_MODEL",
        flag: "--default-model",
        is_number: false,
        on_command_line: |flags| flags.default_model.as_ref(),
    },
    Setting {
        key: "server.listen",
        variable: "LOQUAT_LISTEN",
        flag: "--listen",
        is_number: false,
        on_command_line: |flags| flags.listen.as_ref(),
    },
    Setting {
        key: "server.data_dir",
        variable: "LOQUAT_DATA_DIR",
        flag: "--data-dir",
        is_number: false,
        on_command_line: |flags| flags.data_dir.as_ref(),
    },
    Setting {
        key: "server.http_workers",
        variable: "LOQUAT_HTTP_WORKERS",
        flag: "--http-workers",
        is_number: true,
        on_command_line: |flags| flags.http_workers.as_ref(),
    },
    Setting {
        key: "server.runtime_threads",
        variable: "LOQUAT_RUNTIME_THREADS",
        flag: "--runtime-threads",
        is_number: true,
        on_command_line: |flags| flags.runtime_threads.as_ref(),
    },
    Setting {
        key: "database.url",
        variable: "LOQUAT_DATABASE_URL",
        flag: "--database-url",
        is_number: false,
        on_command_line: |flags| flags.database_url.as_ref(),
    },
    Setting {
        key: "log.filter",
        variable: "LOQUAT_LOG",
        flag: "--log",
        is_number: false,
        on_command_line: |flags| flags.log.as_ref(),
    },
    Setting {
        key: "log.format",
        variable: "LOQUAT_LOG_FORMAT",
        flag: "--log-format",
        is_number: false,
        on_command_line: |flags| flags.log_format.as_ref(),
    },
];

/// Lays the environment, and then the flags, over what the file says.
pub(crate) fn overlay(
    file: &mut Table,
    environment: &Environment,
    flags: &Flags,
    faults: &mut Faults,
) {
    for setting in &SETTINGS {
        let Setting { key, variable, flag, .. } = setting;
        if let Some(Some(value)) = faults.take(variable, environment.variable(variable)) {
            faults.note_origin(key, variable);
            put(file, key, setting.value(&value));
        }
        if let Some(value) = (setting.on_command_line)(flags) {
            faults.note_origin(key, flag);
            put(file, key, setting.value(value));
        }
    }
}

impl Setting {
    /// The text as the file would have it. What is no number stays text, and is refused as that
    /// when the table is read.
    fn value(&self, text: &str) -> Value {
        match text.parse() {
            Ok(number) if self.is_number => Value::Integer(number),
            _ => Value::String(text.to_owned()),
        }
    }
}

/// Sets a key, which is in the top table or in a table of it. Something else in the table's place
/// stays, and is refused when it is read.
fn put(file: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            file.insert(key.to_owned(), value);
        }
        Some((table, key)) => {
            let table = file.entry(table).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(table) = table {
                table.insert(key.to_owned(), value);
            }
        }
    }
}
