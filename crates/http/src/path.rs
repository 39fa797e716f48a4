//! Ids in paths and queries.

use std::{
    fmt,
    future::{Ready, ready},
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use loquat_chat::Missing;
use loquat_domain::{ConversationId, ItemId, ParseIdError, ResponseId};
use uuid::Uuid;

use crate::error::ApiError;

/// An id that stands in a path.
///
/// A text that is no id at all gets the answer of an id that nobody has: it is one.
pub(crate) struct InPath<T>(pub(crate) T);

/// What can be named in a path.
pub(crate) trait PathId: FromStr {
    /// The segment's name in the route.
    const SEGMENT: &'static str;
    /// What is not there when the id is none.
    const MISSING: Missing;
}

impl PathId for ConversationId {
    const SEGMENT: &'static str = "conversation_id";
    const MISSING: Missing = Missing::Conversation;
}

impl PathId for ResponseId {
    const SEGMENT: &'static str = "response_id";
    const MISSING: Missing = Missing::Response;
}

impl PathId for ItemId {
    const SEGMENT: &'static str = "item_id";
    const MISSING: Missing = Missing::Item;
}

/// A branch, named by its last item.
pub(crate) struct BranchId(pub(crate) ItemId);

impl FromStr for BranchId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse().map(Self)
    }
}

impl PathId for BranchId {
    const SEGMENT: &'static str = "branch_id";
    const MISSING: Missing = Missing::Branch;
}

impl<T: PathId> FromRequest for InPath<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get(T::SEGMENT).and_then(|text| text.parse().ok());
        ready(id.map(Self).ok_or_else(|| ApiError::not_found(T::MISSING)))
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuditId(pub(crate) Uuid);

const AUDIT: &str = "audit_";

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{AUDIT}{}", self.0.simple())
    }
}

impl FromStr for AuditId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        // What is written in another way is no id of ours.
        let hex = text.strip_prefix(AUDIT).filter(|hex| hex.len() == 32);
        let id = hex.and_then(|hex| Uuid::try_parse(hex).ok()).map(Self);
        id.filter(|id| id.to_string() == text).ok_or(ParseIdError { prefix: "audit" })
    }
}
