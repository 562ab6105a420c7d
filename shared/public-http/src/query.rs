//! Query strings: SDKs repeat a key for lists, add `[]` or `[0]` to it, or separate items by commas.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use url::form_urlencoded;

/// The parameters of a request, decoded, in their order.
#[derive(Debug, Clone, Default)]
pub struct QueryParams(Vec<(String, String)>);

impl QueryParams {
    /// Reads a query string; what is not UTF-8 is replaced.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// A parameter's last value; an empty one counts as absent.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        let values = self.0.iter().rev().filter(|(key, _)| key == name);
        values
            .map(|(_, value)| value.as_str())
            .find(|value| !value.is_empty())
    }

    /// All items of a list parameter.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        let is_named = |key: &str| {
            let rest = key.strip_prefix(name);
            rest.is_some_and(|rest| {
                rest.is_empty() || (rest.starts_with('[') && rest.ends_with(']'))
            })
        };
        let values = self.0.iter().filter(|(key, _)| is_named(key));
        values
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for QueryParams {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_in_every_form() {
        let query = QueryParams::parse("a=1&a=2,3&a[]=4&a[0]=5&ab=6&b=&b=x%20y&c=");
        assert_eq!(query.list("a"), ["1", "2", "3", "4", "5"]);
        assert_eq!(query.one("b"), Some("x y"));
        assert_eq!(query.one("c"), None);
        assert!(query.list("d").is_empty());
    }
}
