//! Who is asking.

use std::{
    future::{Ready, ready},
    marker::PhantomData,
};

use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest,
    body::{EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{AUTHORIZATION, HeaderMap},
    middleware::Next,
    web::Data,
};
use loquat_auth::{Permission, Principal};
use loquat_domain::Scope;

use crate::{HttpState, error::ApiError};

/// Lets a request through when its token is believed, before anything else of it is looked at:
/// a caller without a token learns neither which paths there are nor what a body should be.
///
/// # Errors
///
/// The same 401 for every reason, also that the access is revoked; 503 when it could not be decided.
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
    let principal = state.verifier.verify(token).await?;
    state.chat.check_access(&principal.scope, principal.token_id.as_ref()).await?;
    Ok(principal)
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
        ready(authenticated(request).map(|Principal { scope, .. }| Self(scope)))
    }
}

/// The same with all that its token says.
pub(crate) struct Authenticated(pub(crate) Principal);

impl FromRequest for Authenticated {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticated(request).map(Self))
    }
}

/// The scope of a caller whose token grants a permission. A handler names it before what it reads
/// of the request: who may not, does not learn what would be right.
pub(crate) struct Granted<P> {
    pub(crate) scope: Scope,
    by: PhantomData<P>,
}

/// Names a permission, as a type.
pub(crate) trait Grant: 'static {
    const PERMISSION: Permission;
}

macro_rules! grants {
    ($($name:ident)+) => {$(
        #[doc = concat!("Names [`Permission::", stringify!($name), "`].")]
        pub(crate) enum $name {}

        impl Grant for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )+};
}

grants! { LimitsWrite AccessWrite AuditRead ProvidersRead }

impl<P: Grant> FromRequest for Granted<P> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let granted =
            authenticated(request).and_then(|Principal { scope, permissions, .. }| {
                if permissions.allow(P::PERMISSION) {
                    Ok(Self { scope, by: PhantomData })
                } else {
                    Err(ApiError::insufficient_scope(P::PERMISSION))
                }
            });
        ready(granted)
    }
}

/// A route that is mounted without the check has no caller, and so answers nothing.
fn authenticated(request: &HttpRequest) -> Result<Principal, ApiError> {
    request.extensions().get::<Principal>().cloned().ok_or_else(ApiError::internal)
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
