//! Who is asking.

use std::future::{Ready, ready};

use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest,
    body::{EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{AUTHORIZATION, HeaderMap},
    middleware::Next,
    web::Data,
};
use loquat_auth::Principal;
use loquat_domain::Scope;

use crate::{HttpState, error::ApiError};

/// Lets a request through when its token is believed, before anything else of it is looked at:
/// a caller without a token learns neither which paths there are nor what a body should be.
///
/// # Errors
///
/// The same 401 for every reason; 503 when it could not be decided.
pub(crate) async fn authenticate<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match principal(&request).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            Ok(next.call(request).await?.map_into_left_body())
        }
        Err(error) => Ok(request.error_response(error).map_into_right_body()),
    }
}

async fn principal(request: &ServiceRequest) -> Result<Principal, ApiError> {
    let state = request.app_data::<Data<HttpState>>().ok_or_else(ApiError::internal)?;
    let token = bearer(request.headers()).ok_or_else(ApiError::no_token)?;
    Ok(state.verifier.verify(token).await?)
}

/// The one token of a request. Exactly one header of exactly one form: what is accepted here
/// cannot be read differently by a proxy in front.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION);
    let header = all.next()?.to_str().ok()?;
    if all.next().is_some() {
        return None;
    }
    let (scheme, token) = header.split_once(' ')?;
    let is_one_word = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && is_one_word).then_some(token)
}

/// The scope for which a request acts: that of its token.
pub(crate) struct Caller(pub(crate) Scope);

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        let scope = extensions.get::<Principal>().map(|principal| Self(principal.scope.clone()));
        // A route that is mounted without the check has no caller, and so answers nothing.
        ready(scope.ok_or_else(ApiError::internal))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn token(headers: &[&str]) -> Option<String> {
        let request = headers.iter().fold(TestRequest::default(), |request, it| {
            request.append_header((AUTHORIZATION, *it))
        });
        bearer(request.to_http_request().headers()).map(str::to_owned)
    }

    #[test]
    fn the_scheme_is_known_in_any_case() {
        for header in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c"] {
            assert_eq!(token(&[header]).as_deref(), Some("a.b.c"), "{header}");
        }
    }

    #[test]
    fn anything_but_one_header_of_one_form_is_no_token() {
        for header in
            ["", "Bearer", "Bearer ", "Bearer  a", "Bearer a ", "Bearer a b", "a.b.c", "Basic a"]
        {
            assert_eq!(token(&[header]), None, "{header:?}");
        }
        assert_eq!(token(&["Bearer\ta"]), None);
        assert_eq!(token(&["Bearer a", "Bearer a"]), None);
        assert_eq!(token(&[]), None);
    }
}
