//! In which format an answer is wanted.

use actix_web::{
    HttpRequest,
    http::header::{self, Accept},
};

use crate::error::{ApiError, ErrorCode};

/// The format that the caller likes best of those that `known` knows by their media types, and
/// `otherwise` for a caller who does not say.
///
/// # Errors
///
/// A 406 with `offer`, which says what there is, when none is accepted.
pub(crate) fn format<T>(
    request: &HttpRequest,
    otherwise: T,
    known: impl Fn(&str) -> Option<T>,
    offer: &'static str,
) -> Result<T, ApiError> {
    if !request.headers().contains_key(header::ACCEPT) {
        return Ok(otherwise);
    }
    let accepted = <Accept as header::Header>::parse(request).ok();
    accepted
        .and_then(|accepted| accepted.ranked().iter().find_map(|kind| known(kind.essence_str())))
        .ok_or_else(|| ApiError::new(ErrorCode::NotAcceptable, offer))
}
