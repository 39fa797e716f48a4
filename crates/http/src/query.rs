//! What may stand behind the question mark.

use std::{
    future::{Ready, ready},
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Query};
use loquat_domain::{Order, PageLimit, PageRequest};
use loquat_store::Archived;

use crate::error::{ApiError, ErrorCode};

/// The parameters of a query string. Those that a route does not ask for mean nothing.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// A parameter's one value.
    ///
    /// # Errors
    ///
    /// A 400 when it comes twice: of two readers one takes the first and one the last.
    pub(crate) fn get(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|(it, _)| it == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value.map(String::as_str)),
            (_, Some(_)) => Err(ApiError::invalid(name, format!("{name} comes twice"))),
        }
    }

    /// True or false; false when it is absent.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, ApiError> {
        match self.get(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ApiError::invalid(name, format!("{name} is true or false"))),
        }
    }

    /// Which page of a list is asked for. A cursor that is no id is as wrong as one of a stranger.
    pub(crate) fn page<Id: FromStr>(&self) -> Result<PageRequest<Id>, ApiError> {
        let after = self.get("after")?.map(str::parse).transpose();
        Ok(PageRequest {
            after: after.map_err(|_| ApiError::invalid_cursor())?,
            order: match self.get("order")? {
                None | Some("desc") => Order::Descending,
                Some("asc") => Order::Ascending,
                Some(_) => return Err(ApiError::invalid("order", "order is asc or desc")),
            },
            limit: match self.get("limit")? {
                None => PageLimit::DEFAULT,
                Some(text) => limit(text)?,
            },
        })
    }

    /// Which conversations a list shows.
    pub(crate) fn archived(&self) -> Result<Archived, ApiError> {
        match self.get("archived")? {
            None | Some("false") => Ok(Archived::Without),
            Some("true") => Ok(Archived::Only),
            Some("all") => Ok(Archived::Both),
            Some(_) => Err(ApiError::invalid("archived", "archived is true, false or all")),
        }
    }
}

fn limit(text: &str) -> Result<PageLimit, ApiError> {
    text.parse()
        .ok()
        .and_then(|entries| PageLimit::new(entries).ok())
        .ok_or_else(|| ApiError::invalid("limit", "limit is a number from 1 to 100"))
}

impl FromRequest for Parameters {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string());
        let broken = |_| ApiError::new(ErrorCode::InvalidValue, "the query string is broken");
        ready(pairs.map(|pairs| Self(pairs.into_inner())).map_err(broken))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use loquat_domain::ConversationId;

    use super::*;

    fn page(query: &str) -> Result<PageRequest<ConversationId>, ApiError> {
        let request = TestRequest::with_uri(&format!("/?{query}")).to_http_request();
        Parameters::from_request(&request, &mut Payload::None).into_inner()?.page()
    }

    #[test]
    fn a_page_that_is_not_described_is_the_newest_twenty() {
        let page = page("").unwrap();
        assert_eq!(
            (page.after, page.order, page.limit),
            (None, Order::Descending, PageLimit::DEFAULT)
        );
    }

    #[test]
    fn what_is_wrong_with_a_page_is_named() {
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=", "limit"),
            ("limit=9999999999999999999999", "limit"),
            ("order=up", "order"),
            ("after=conv_1", "after"),
            ("limit=1&limit=2", "limit"),
        ] {
            let error = page(query).unwrap_err();
            assert!(format!("{error:?}").contains(&format!("{param:?}")), "{query}: {error:?}");
        }
    }
}
