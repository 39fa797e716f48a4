//! `/v1/usage`: what was used, and what it cost.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    web::Data,
};
use loquat_domain::Page;

use crate::{
    HttpState, accept,
    caller::Authenticated,
    error::ApiError,
    header::NEXT_CURSOR,
    openapi::{BadPage, NotGranted, NotOffered, Refused},
    query::Parameters,
    request::usage::UsageQuestion,
    wire::{
        list::{Entry as _, ListBody},
        usage_row::{UsageRowBody, table},
    },
};

/// What was used, put together by day unless asked otherwise.
///
/// Callers see their own use; with the scope `usage:read` that of the whole tenant. The rows of all
/// pages add up to what was used in that time, to the token and to the millionth, once the calls of
/// that time have come to their end.
#[utoipa::path(
    get, path = "/v1/usage", tag = "usage",
    operation_id = "listUsage",
    params(
        ("start_time" = Option<i64>, Query,
            description = "Since then, in seconds since the epoch; else since 29 days before the last"),
        ("end_time" = Option<i64>, Query,
            description = "Until then and not including it, in seconds since the epoch; else until now"),
        ("group_by" = Option<String>, Query,
            description = "`day`, `model`, `user`, `conversation`, several with commas between or as \
                several parameters, or `none` for one row; else `day`"),
        ("user" = Option<String>, Query,
            description = "This user's alone; needs the scope `usage:read`"),
        ("after" = Option<String>, Query,
            description = "The `last_id`, or the header `x-next-cursor`, of the page before. All \
                other parameters but `limit` are as they were"),
        ("limit" = Option<u8>, Query, description = "1 to 100, else 20"),
    ),
    responses(
        (status = 200, description = "One page",
            content((ListBody<UsageRowBody> = "application/json"), (String = "text/csv")),
            headers(("x-next-cursor" = String,
                description = "With `text/csv`: the `after` of the next page, if there is one"))),
        Refused, NotGranted, BadPage, NotOffered,
    ),
)]
pub(crate) async fn list(
    state: Data<HttpState>,
    Authenticated(caller): Authenticated,
    request: HttpRequest,
    parameters: Parameters,
) -> Result<HttpResponse, ApiError> {
    let format = format(&request)?;
    let UsageQuestion { query, cursors } =
        UsageQuestion::read(&parameters, &caller, state.chat.now())?;
    let period = query.from..query.until;
    let Page { entries, has_more } = state.chat.usage(&caller.scope, query).await?;
    let row = |row| UsageRowBody::new(row, cursors.write(&period, &row.key));
    let rows: Vec<_> = entries.iter().map(row).collect();
    Ok(match format {
        Format::Json => HttpResponse::Ok().json(ListBody::new(rows, has_more)),
        Format::Csv => csv(&rows, has_more),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

fn format(request: &HttpRequest) -> Result<Format, ApiError> {
    let known = |kind: &str| match kind {
        "*/*" | "application/*" | "application/json" => Some(Format::Json),
        "text/*" | "text/csv" => Some(Format::Csv),
        _ => None,
    };
    let offer = "the formats are application/json and text/csv";
    accept::format(request, Format::Json, known, offer)
}

fn csv(rows: &[UsageRowBody], has_more: bool) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8; header=present"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"usage.csv\""))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if let Some(last) = rows.last().filter(|_| has_more) {
        response.insert_header((NEXT_CURSOR, last.id()));
    }
    response.body(table(rows))
}
