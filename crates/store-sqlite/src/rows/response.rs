//! A response.

use diesel::prelude::*;
use loquat_domain::{RawJson, Response, Timestamp};
use loquat_store::{StoreError, json};

use super::sequence;
use crate::{key::Key, schema::responses};

/// A response as callers see it, with its receipt.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = responses, check_for_backend(diesel::sqlite::Sqlite))]
pub(crate) struct ResponseRow {
    pub(crate) id: Key,
    conversation: Key,
    names_conversation: bool,
    previous: Option<Key>,
    model: String,
    settings: String,
    metadata: String,
    background: bool,
    pub(crate) hidden: bool,
    pub(crate) receipt: String,
    pub(crate) route: Option<String>,
    status: String,
    status_details: Option<String>,
    usage: Option<String>,
    created_at: i64,
    completed_at: Option<i64>,
}

/// A response that has no place yet. Made before the writer's turn comes.
#[derive(Debug, Insertable)]
#[diesel(table_name = responses, treat_none_as_default_value = false)]
pub(crate) struct NewResponse {
    pub(crate) id: Key,
    names_conversation: bool,
    previous: Option<Key>,
    model: String,
    settings: String,
    metadata: String,
    background: bool,
    hidden: bool,
    receipt: String,
    status: &'static str,
    pub(crate) created_at: i64,
}

/// What becomes of a response at its end.
#[derive(Debug)]
pub(crate) struct ResponseEnd {
    pub(crate) status: &'static str,
    pub(crate) status_details: Option<String>,
    pub(crate) usage: Option<String>,
    pub(crate) last_sequence: i64,
    pub(crate) completed_at: Option<i64>,
    pub(crate) route: Option<String>,
}

impl NewResponse {
    /// # Errors
    ///
    /// [`StoreError::Internal`] when a schema among its settings is not JSON.
    pub(crate) fn new(
        response: Response,
        hidden: bool,
        receipt: &RawJson,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            id: response.id.into(),
            names_conversation: response.conversation.is_some(),
            previous: response.previous.map(Key::from),
            settings: json::encode_settings(&response.settings)?,
            metadata: json::encode_metadata(&response.metadata),
            model: response.model,
            background: response.background,
            hidden,
            receipt: receipt.as_str().to_owned(),
            status: response.status.as_str(),
            created_at: response.created_at.as_micros(),
        })
    }
}

impl ResponseEnd {
    pub(crate) fn new(response: &Response, last_sequence: u64, route: Option<&RawJson>) -> Self {
        Self {
            status: response.status.as_str(),
            status_details: json::encode_status_details(&response.status),
            usage: response.usage.as_ref().map(json::encode_usage),
            last_sequence: sequence(last_sequence),
            completed_at: response.completed_at.map(Timestamp::as_micros),
            route: route.map(|route| route.as_str().to_owned()),
        }
    }
}

impl TryFrom<ResponseRow> for Response {
    type Error = StoreError;

    fn try_from(row: ResponseRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            conversation: row.names_conversation.then(|| row.conversation.into()),
            previous: row.previous.map(Into::into),
            model: row.model,
            settings: json::decode_settings(&row.settings)?,
            metadata: json::decode_metadata(&row.metadata)?,
            background: row.background,
            status: json::decode_status(&row.status, row.status_details.as_deref())?,
            usage: row.usage.as_deref().map(json::decode_usage).transpose()?,
            created_at: Timestamp::from_micros(row.created_at),
            completed_at: row.completed_at.map(Timestamp::from_micros),
        })
    }
}
