//! Which page of a list a caller asks for: `limit` and `iterator`, as Svix has them.

use posthorn_public_http::{ApiError, Problem, QueryParams};
use posthorn_store::listing::Order;
use posthorn_store::{Page, Position};

/// *Source*: Svix's API, as the next.
const DEFAULT_LIMIT: u16 = 50;
pub(crate) const MAX_LIMIT: u16 = 250;

/// Reads `limit` and `iterator`; `parse` reads the item that the page adjoins.
///
/// A leading `-` asks for the page before the item.
///
/// # Errors
/// 422 for a limit out of range, or an iterator that can be none of ours.
pub(crate) fn page<I, E>(
    query: &QueryParams,
    parse: impl FnOnce(&str) -> Result<I, E>,
) -> Result<Page<I>, ApiError> {
    let limit = limit(query)?;
    let Some(text) = query.one("iterator") else {
        return Ok(Page::first(limit));
    };
    let (id, before) = match text.strip_prefix('-') {
        Some(id) => (id, true),
        None => (text, false),
    };
    let Ok(item) = parse(id) else {
        return Err(bad_iterator());
    };
    let position = if before {
        Position::Preceding(item)
    } else {
        Position::Following(item)
    };
    Ok(Page { limit, position })
}

/// Reads `order`.
///
/// # Errors
/// 422 when it is neither `ascending` nor `descending`.
pub(crate) fn order(query: &QueryParams, default: Order) -> Result<Order, ApiError> {
    match query.one("order") {
        None => Ok(default),
        Some("ascending") => Ok(Order::Ascending),
        Some("descending") => Ok(Order::Descending),
        Some(_) => Err(invalid_query(
            "order",
            "must be `ascending` or `descending`",
        )),
    }
}

/// 422 for an iterator that names nothing.
pub(crate) fn bad_iterator() -> ApiError {
    invalid_query("iterator", "Invalid iterator.")
}

/// 422 at a query parameter.
pub(crate) fn invalid_query(name: &'static str, rule: impl Into<String>) -> ApiError {
    ApiError::invalid(vec![Problem::new(["query", name], rule, "value_error")])
}

fn limit(query: &QueryParams) -> Result<u16, ApiError> {
    let Some(text) = query.one("limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    match text.parse::<u16>() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        Ok(_) | Err(_) => {
            let rule = format!("must be a number from 1 to {MAX_LIMIT}");
            Err(invalid_query("limit", rule))
        }
    }
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::ApplicationId;

    use super::*;

    fn read(query: &str) -> Result<Page<ApplicationId>, ApiError> {
        page(&QueryParams::parse(query), ApplicationId::parse)
    }

    #[test]
    fn a_page_lies_at_the_start_or_beside_an_item() {
        let item = ApplicationId::parse("app_1").unwrap();
        assert_eq!(read("").unwrap(), Page::first(50));
        let following = Page {
            limit: 2,
            position: Position::Following(item.clone()),
        };
        assert_eq!(read("iterator=app_1&limit=2").unwrap(), following);
        let preceding = Page {
            limit: 50,
            position: Position::Preceding(item),
        };
        assert_eq!(read("iterator=-app_1").unwrap(), preceding);
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for query in [
            "limit=0",
            "limit=251",
            "limit=x",
            "limit=-1",
            "iterator=ep_1",
            "iterator=-",
        ] {
            assert_eq!(read(query).unwrap_err().status(), 422, "{query}");
        }
    }
}
