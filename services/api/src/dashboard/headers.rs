//! What the page may load, and where it may stand.

use http::header::{CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};
use url::Url;

/// Everything is ours. Data URLs are for the logo of a portal. No text of anybody becomes script: the
/// page never assigns one to a place that a browser would run.
const EVERYTHING_IS_OURS: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";
/// Nothing of the device; writing to the clipboard stays allowed.
const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), \
    publickey-credentials-get=(), usb=()";

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Which sites may show the portal in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameAncestors(Vec<String>);

impl Default for FrameAncestors {
    /// The site itself.
    fn default() -> Self {
        Self(vec!["'self'".to_owned()])
    }
}

impl FrameAncestors {
    /// Reads origins separated by commas, beside which the site itself is always allowed; `none` allows
    /// not even that.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.trim() == "none" {
            return Some(Self(vec!["'none'".to_owned()]));
        }
        let origins = text.split(',').map(|one| origin(one.trim()));
        let mut all = Self::default();
        all.0.extend(origins.collect::<Option<Vec<_>>>()?);
        Some(all)
    }
}

/// The origin that a URL is, if it is nothing else: written anew, so nothing else gets into a header.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    bare.then(|| url.origin().ascii_serialization())
}

/// The two that the page can be.
pub(super) enum Page<'a> {
    /// An operator's, in no frame at all.
    Operator,
    /// A customer's, in the frames of some sites.
    Portal(&'a FrameAncestors),
}

/// What a browser is told with the page.
pub(super) fn page_headers(page: &Page<'_>) -> HeaderMap {
    let ancestors = match page {
        Page::Operator => "'none'".to_owned(),
        Page::Portal(allowed) => allowed.0.join(" "),
    };
    let policy = format!("{EVERYTHING_IS_OURS}; frame-ancestors {ancestors}");
    let policy = HeaderValue::try_from(policy).expect("origins are written anew, as plain text");
    let mut headers = of_every_file();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS));
    headers
}

/// What holds for the page and its assets alike.
pub(super) fn of_every_file() -> HeaderMap {
    HeaderMap::from_iter([
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_may_show_the_portal() {
        let allowed = |text| FrameAncestors::parse(text).map(|all| all.0.join(" "));
        let two = "https://app.example, http://localhost:3000/";
        let expected = "'self' https://app.example http://localhost:3000";
        assert_eq!(allowed(two).as_deref(), Some(expected));
        assert_eq!(allowed("none").as_deref(), Some("'none'"));
        for mistake in [
            "*",
            "https://a.example/path",
            "app.example",
            "https://a.example; script-src *",
            "javascript:alert(1)",
            "https://user@a.example",
            "",
        ] {
            assert_eq!(allowed(mistake), None, "{mistake:?}");
        }
    }

    #[test]
    fn an_operators_page_stands_in_no_frame() {
        let policy = |page| page_headers(&page)[CONTENT_SECURITY_POLICY].clone();
        let text = |page| policy(page).to_str().unwrap().to_owned();
        assert!(text(Page::Operator).ends_with("frame-ancestors 'none'"));
        let portal = FrameAncestors::parse("https://app.example").unwrap();
        let portal = text(Page::Portal(&portal));
        assert!(portal.ends_with("frame-ancestors 'self' https://app.example"));
    }
}
