//! What the command line says.

use std::path::PathBuf;

/// The settings of the command line, as text. Faults in them are told like all others.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Flags {
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "File to read instead of ./loquat.toml [LOQUAT_CONFIG]"
    )]
    pub(crate) config: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        help = "Address and port to listen on [LOQUAT_LISTEN]"
    )]
    pub(crate) listen: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "DIRECTORY",
        help = "Directory of the generated secret and the default database [LOQUAT_DATA_DIR]"
    )]
    pub(crate) data_dir: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "Where the conversations lie, such as sqlite://loquat.db or postgres://… [LOQUAT_DATABASE_URL]"
    )]
    pub(crate) database_url: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "MODEL",
        help = "Model that answers callers who name none [LOQUAT_DEFAULT_MODEL]"
    )]
    pub(crate) default_model: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "NUMBER",
        help = "Threads that speak HTTP [LOQUAT_HTTP_WORKERS]"
    )]
    pub(crate) http_workers: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "NUMBER",
        help = "Threads on which turns run [LOQUAT_RUNTIME_THREADS]"
    )]
    pub(crate) runtime_threads: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        help = "What to log, such as info or warn,loquat_http=debug [LOQUAT_LOG]"
    )]
    pub(crate) log: Option<String>,
    #[arg(long, global = true, value_name = "FORMAT", help = "text or json [LOQUAT_LOG_FORMAT]")]
    pub(crate) log_format: Option<String>,
}
