//! A file of the built dashboard, in the encodings that the build made beside it.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use rust_embed::{Embed, EmbeddedFile};

/// The build's output. May be missing: `cargo build` needs no Node. A debug build reads it from the disk.
#[derive(Embed)]
#[folder = "dashboard/dist"]
#[allow_missing = true]
struct Built;

/// Names of assets carry a hash of what is in them, so one never changes.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The page names the assets, so a browser asks each time whether it is a new one.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// Encodings that the build makes, best first: their name in HTTP and of the file.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// A file as it is.
pub(super) struct Asset<'a> {
    path: &'a str,
    plain: EmbeddedFile,
}

impl<'a> Asset<'a> {
    /// Looks for a file by its path in the build's folder.
    pub(super) fn find(path: &'a str) -> Option<Self> {
        if path.split('/').any(|part| part == "..") {
            return None;
        }
        let plain = Built::get(path)?;
        Some(Self { path, plain })
    }

    /// Answers a request with the smallest form that the browser takes.
    pub(super) fn respond(self, request: &HeaderMap) -> Response {
        let tag = self.tag();
        let known = request.get_all(IF_NONE_MATCH).iter();
        let mut response = if known.into_iter().any(|known| known == tag) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            self.content(request)
        };
        let named_by_content = self.path.starts_with("assets/");
        let cache = if named_by_content { FOREVER } else { ASK_AGAIN };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, cache);
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(ETAG, tag);
        headers.extend(super::headers::of_every_file());
        response
    }

    fn content(&self, request: &HeaderMap) -> Response {
        let accepted = accepted_encodings(request);
        let encoded = ENCODINGS.into_iter().find_map(|(name, end)| {
            let file = Built::get(&format!("{}.{end}", self.path))?;
            accepted(name).then_some((name, file))
        });
        let (encoding, data) = match encoded {
            Some((name, file)) => (Some(name), file.data),
            None => (None, self.plain.data.clone()),
        };
        let mut response = Response::new(Body::from(data.into_owned()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type(self.path));
        if let Some(name) = encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        response
    }

    /// The same for all encodings, hence a weak one.
    fn tag(&self) -> HeaderValue {
        let hash = self.plain.metadata.sha256_hash();
        let hex: String = hash[..16].iter().map(|b| format!("{b:02x}")).collect();
        HeaderValue::try_from(format!("W/\"{hex}\"")).expect("hexadecimal digits fit a header")
    }
}

/// Which encodings a browser takes; `q=0` refuses one.
fn accepted_encodings(request: &HeaderMap) -> impl Fn(&str) -> bool {
    let values = request.get_all(ACCEPT_ENCODING).iter();
    let texts: Vec<String> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(|one| one.replace(' ', "").to_ascii_lowercase())
        .collect();
    move |name| {
        texts.iter().any(|text| {
            let (coding, weight) = text.split_once(";q=").unwrap_or((text, "1"));
            coding == name && weight.parse().is_ok_and(|weight: f32| weight > 0.0)
        })
    }
}

fn content_type(path: &str) -> HeaderValue {
    HeaderValue::from_static(match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_only_encodings_that_it_takes() {
        let takes = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(text));
            let accepted = accepted_encodings(&headers);
            [accepted("br"), accepted("gzip")]
        };
        assert_eq!(takes("gzip, deflate, br"), [true, true]);
        assert_eq!(takes("gzip;q=0.5, BR;q=0"), [false, true]);
        assert_eq!(takes("identity"), [false, false]);
        assert_eq!(takes(""), [false, false]);
    }

    #[test]
    fn what_is_not_in_the_build_is_not_served() {
        for path in ["assets/../index.html", "../Cargo.toml", "assets/", ""] {
            assert!(Asset::find(path).is_none(), "{path}");
        }
    }
}
