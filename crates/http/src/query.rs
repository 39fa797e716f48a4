//! What may stand behind the question mark.

use std::{
    future::{Ready, ready},
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Query};
use loquat_domain::{Order, PageLimit, PageRequest};
use loquat_store::Archived;

use crate::error::{ApiError, ErrorCode};

/// How an answer shall be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// As it is now.
    Whole,
    /// As events, those after a number or all.
    Events { after: Option<u64> },
}

/// The parameters of a query string. Those that a route does not ask for mean nothing.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// A parameter's one value.
    ///
    /// # Errors
    ///
    /// A 400 when it comes twice: of two readers one takes the first and one the last.
    pub(crate) fn get(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(ApiError::invalid(name, format!("{name} comes twice"))),
        }
    }

    /// All values of a parameter that may come more than once.
    pub(crate) fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_str())
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
            limit: self.limit()?,
        })
    }

    /// How many entries a page may have.
    pub(crate) fn limit(&self) -> Result<PageLimit, ApiError> {
        self.get("limit")?.map_or(Ok(PageLimit::DEFAULT), limit)
    }

    /// How an answer is asked for.
    pub(crate) fn telling(&self) -> Result<Telling, ApiError> {
        let after = self.get("starting_after")?.map(event_number).transpose()?;
        match (self.flag("stream")?, after) {
            (true, after) => Ok(Telling::Events { after }),
            (false, None) => Ok(Telling::Whole),
            (false, Some(_)) => {
                let message = "starting_after is for stream=true";
                Err(ApiError::invalid("starting_after", message))
            }
        }
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

/// A number beyond all that there are is one too.
fn event_number(text: &str) -> Result<u64, ApiError> {
    if text.is_empty() || text.bytes().any(|byte| !byte.is_ascii_digit()) {
        let message = "starting_after is the number of an event";
        return Err(ApiError::invalid("starting_after", message));
    }
    Ok(text.parse().unwrap_or(u64::MAX))
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

    fn parameters(query: &str) -> Result<Parameters, ApiError> {
        let request = TestRequest::with_uri(&format!("/?{query}")).to_http_request();
        Parameters::from_request(&request, &mut Payload::None).into_inner()
    }

    fn page(query: &str) -> Result<PageRequest<ConversationId>, ApiError> {
        parameters(query)?.page()
    }

    fn telling(query: &str) -> Result<Telling, ApiError> {
        parameters(query)?.telling()
    }

    #[test]
    fn events_are_asked_for_from_the_first_or_after_a_number() {
        assert_eq!(telling(""), Ok(Telling::Whole));
        assert_eq!(telling("stream=false"), Ok(Telling::Whole));
        assert_eq!(telling("stream=true"), Ok(Telling::Events { after: None }));
        let after = |number| Ok(Telling::Events { after: Some(number) });
        assert_eq!(telling("stream=true&starting_after=0"), after(0));
        assert_eq!(telling("starting_after=17&stream=true"), after(17));
        let beyond = "stream=true&starting_after=99999999999999999999999999";
        assert_eq!(telling(beyond), after(u64::MAX));
    }

    #[test]
    fn what_is_no_number_of_an_event_is_named() {
        for query in [
            "stream=true&starting_after=",
            "stream=true&starting_after=-1",
            "stream=true&starting_after=%2B1",
            "stream=true&starting_after=1.0",
            "stream=true&starting_after=one",
            "stream=true&starting_after=1&starting_after=1",
            "starting_after=1",
            "stream=false&starting_after=1",
        ] {
            let error = telling(query).unwrap_err();
            assert!(format!("{error:?}").contains("\"starting_after\""), "{query}: {error:?}");
        }
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
