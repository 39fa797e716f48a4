//! What the program is put together of, checked before anything outside is touched.

use std::path::PathBuf;

use loquat_chat::ModelCatalog;

use crate::{
    catalog::catalog,
    config::{Config, Environment, Faults},
    identity::Identity,
};

/// Everything that a server needs and that can be made without touching disk or network, except for
/// reading the files that the configuration names.
pub(crate) struct Parts {
    pub(crate) identity: Identity,
    pub(crate) catalog: ModelCatalog,
    /// The file of the database.
    pub(crate) database: PathBuf,
}

impl Parts {
    /// Makes what can be made, so that every fault is told at once.
    pub(crate) fn check(
        config: &Config,
        environment: &Environment,
        faults: &mut Faults,
    ) -> Option<Self> {
        let identity = Identity::check(&config.auth, environment, faults);
        let catalog = catalog(config, environment, faults);
        let database = database(config, faults);
        Some(Self { identity: identity?, catalog: catalog?, database: database? })
    }
}

/// The file of the database.
pub(crate) fn database(config: &Config, faults: &mut Faults) -> Option<PathBuf> {
    faults.take("database.url", config.database.file(&config.server.data_dir))
}
