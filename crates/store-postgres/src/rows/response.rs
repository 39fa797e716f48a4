//! A response.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use loquat_domain::{ConversationId, RawJson, Response, ResponseId, Timestamp};
use loquat_store::{StoreError, json};
use uuid::Uuid;

use super::Part;

/// A response as callers see it, with its receipt.
#[derive(Debug, QueryableByName)]
pub(crate) struct ResponseRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    response_id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    conversation: Uuid,
    #[diesel(sql_type = Bool)]
    names_conversation: bool,
    #[diesel(sql_type = Bool)]
    pub(crate) hidden: bool,
    #[diesel(sql_type = Bool)]
    background: bool,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    previous: Option<Uuid>,
    #[diesel(sql_type = Text)]
    model: String,
    #[diesel(sql_type = Text)]
    settings: String,
    #[diesel(sql_type = Text)]
    metadata: String,
    #[diesel(sql_type = Text)]
    receipt: String,
    #[diesel(sql_type = Nullable<Text>)]
    route: Option<String>,
    #[diesel(sql_type = Text)]
    response_status: String,
    #[diesel(sql_type = Nullable<Text>)]
    status_details: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    usage: Option<String>,
    #[diesel(sql_type = BigInt)]
    response_created_at: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    completed_at: Option<i64>,
}

impl Part for ResponseRow {
    const COLUMN: &'static str = "response_id";
}

impl ResponseRow {
    pub(crate) fn receipt(&self) -> RawJson {
        RawJson::from_checked(self.receipt.as_str())
    }

    pub(crate) fn route(&self) -> Option<RawJson> {
        self.route.as_deref().map(RawJson::from_checked)
    }
}

impl TryFrom<ResponseRow> for Response {
    type Error = StoreError;

    fn try_from(row: ResponseRow) -> Result<Self, StoreError> {
        let conversation = ConversationId::from_uuid(row.conversation);
        Ok(Self {
            id: ResponseId::from_uuid(row.response_id),
            conversation: row.names_conversation.then_some(conversation),
            previous: row.previous.map(ResponseId::from_uuid),
            model: row.model,
            settings: json::decode_settings(&row.settings)?,
            metadata: json::decode_metadata(&row.metadata)?,
            background: row.background,
            status: json::decode_status(&row.response_status, row.status_details.as_deref())?,
            usage: row.usage.as_deref().map(json::decode_usage).transpose()?,
            created_at: Timestamp::from_micros(row.response_created_at),
            completed_at: row.completed_at.map(Timestamp::from_micros),
        })
    }
}
