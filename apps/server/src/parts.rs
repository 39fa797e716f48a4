//! What the program is put together of, checked before anything outside is touched.

use std::sync::Arc;

use loquat_chat::Summariser;

use crate::{
    catalog::{Catalog, catalog, summariser},
    config::{Config, Environment, Faults},
    database::Database,
    identity::Identity,
};

/// Everything that a server needs and that can be made without touching disk or network, except for
/// reading the files that the configuration names.
pub(crate) struct Parts {
    pub(crate) identity: Identity,
    pub(crate) catalog: Catalog,
    /// Who writes summaries, if somebody does.
    pub(crate) summariser: Option<Arc<dyn Summariser>>,
    pub(crate) database: Database,
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
        let database = Database::check(config, faults);
        let (identity, catalog, database) = (identity?, catalog?, database?);
        let summariser = summariser(config, &catalog.models);
        Some(Self { identity, catalog, summariser, database })
    }
}
