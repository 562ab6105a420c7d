//! The user name and password of an endpoint's URL.
//!
//! They are split off before anything is stored, kept sealed beside the URL, and sent by the sender as
//! a Basic `authorization` header. Callers only ever see asterisks. Whoever sends a URL back as it was
//! shown keeps what is stored, as long as the URL still leads to the same place: a URL that leads
//! elsewhere would carry a password away that nobody was shown.

use percent_encoding::percent_decode_str;
use posthorn_signing::KeyRing;
use url::Url;

use crate::endpoint_url::UrlProblem;
use crate::sealing::{self, Column, Owner};

/// What stands for a user name, and for a password. No URL needs to escape it.
const REDACTED: &str = "***";

/// What a URL says of who asks.
pub(crate) enum UrlCredentials {
    /// Nothing.
    Absent,
    /// What was shown for credentials that are stored.
    Redacted,
    /// `user:password`, decoded.
    Given(Vec<u8>),
}

/// The URL of an endpoint and its sealed credentials, as they are stored.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) url: &'a str,
    pub(crate) sealed: Option<&'a [u8]>,
}

impl UrlCredentials {
    /// Takes the credentials out of a URL.
    ///
    /// # Errors
    /// [`UrlProblem::Credentials`] for what a Basic header cannot carry.
    /// *Source*: RFC 7617, section 2.
    pub(crate) fn take(url: &mut Url) -> Result<Self, UrlProblem> {
        let password = url.password();
        if url.username().is_empty() && password.is_none() {
            return Ok(Self::Absent);
        }
        let found = if url.username() == REDACTED && password == Some(REDACTED) {
            Self::Redacted
        } else {
            let user = decoded(url.username());
            let password = decoded(password.unwrap_or_default());
            let is_control = |byte: &u8| byte.is_ascii_control();
            if user.contains(&b':') || user.iter().chain(&password).any(is_control) {
                return Err(UrlProblem::Credentials);
            }
            Self::Given([&user[..], b":", &password].concat())
        };
        // Only URLs without a host refuse this; they are none of the web.
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| UrlProblem::Host)?;
        Ok(found)
    }

    /// The credentials sealed for an endpoint that gets this URL; `stored` is what it has, if it is
    /// not new.
    ///
    /// # Errors
    /// [`UrlProblem::Redacted`] when what was shown does not stand for anything stored, or the URL
    /// leads elsewhere.
    pub(crate) fn seal(
        &self,
        keys: &KeyRing,
        owner: Owner<'_>,
        url: &str,
        stored: Option<Stored<'_>>,
    ) -> Result<Option<Vec<u8>>, UrlProblem> {
        match self {
            Self::Absent => Ok(None),
            Self::Given(pair) => Ok(Some(sealing::seal(keys, owner, Column::Credentials, pair))),
            // The value as it was read: a change that came in between cannot put another one here.
            Self::Redacted => stored
                .filter(|stored| leads_to_the_same_place(stored.url, url))
                .and_then(|stored| stored.sealed)
                .map(|sealed| Some(sealed.to_vec()))
                .ok_or(UrlProblem::Redacted),
        }
    }
}

/// A URL as callers see it.
pub(crate) fn shown(url: String, has_credentials: bool) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) if has_credentials => {
            format!("{scheme}://{REDACTED}:{REDACTED}@{rest}")
        }
        Some(_) | None => url,
    }
}

fn leads_to_the_same_place(one: &str, other: &str) -> bool {
    let origin = |text| Url::parse(text).ok().map(|url| url.origin());
    origin(one).is_some_and(|one| one.is_tuple() && Some(one) == origin(other))
}

fn decoded(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

#[cfg(test)]
mod tests {
    use posthorn_event_schema::{EndpointId, OrganizationId};

    use super::*;

    fn take(text: &str) -> (String, Result<UrlCredentials, UrlProblem>) {
        let mut url = Url::parse(text).unwrap();
        let taken = UrlCredentials::take(&mut url);
        (url.into(), taken)
    }

    #[test]
    fn credentials_are_decoded_and_leave_the_url() {
        for (text, pair) in [
            // *Source*: RFC 7617, section 2.
            (
                "https://Aladdin:open%20sesame@a.example/x?y#z",
                "Aladdin:open sesame",
            ),
            ("https://me@a.example/x?y#z", "me:"),
            ("https://:key@a.example/x?y#z", ":key"),
            ("https://me:a%3Ab%zz@a.example/x?y#z", "me:a:b%zz"),
        ] {
            let (url, taken) = take(text);
            assert_eq!(url, "https://a.example/x?y#z");
            let Ok(UrlCredentials::Given(found)) = taken else {
                panic!("{text}");
            };
            assert_eq!(found, pair.as_bytes(), "{text}");
        }
        assert!(matches!(
            take("https://a.example/").1,
            Ok(UrlCredentials::Absent)
        ));
        for text in ["https://a%3Ab:c@a.example", "https://a:b%0Ac@a.example"] {
            assert!(
                matches!(take(text).1, Err(UrlProblem::Credentials)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_was_shown_keeps_what_is_stored_only_for_the_same_place() {
        let keys = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        let organization = OrganizationId::parse("org_1").unwrap();
        let endpoint = EndpointId::parse("ep_1").unwrap();
        let owner = Owner {
            organization: &organization,
            endpoint: &endpoint,
        };
        let url = "https://a.example/x";
        let shown = shown(url.to_owned(), true);
        assert_eq!(shown, "https://***:***@a.example/x");
        let (_, Ok(redacted)) = take(&shown) else {
            panic!("{shown}");
        };
        let stored = |sealed| Some(Stored { url, sealed });
        let sealed = Some(&b"sealed"[..]);
        let seal = |to, stored| redacted.seal(&keys, owner, to, stored);
        for same in [url, "https://a.example/other?z"] {
            assert_eq!(seal(same, stored(sealed)), Ok(Some(b"sealed".to_vec())));
        }
        for other in [
            "https://b.example/x",
            "http://a.example/x",
            "https://a.example:8443/x",
        ] {
            assert_eq!(
                seal(other, stored(sealed)),
                Err(UrlProblem::Redacted),
                "{other}"
            );
        }
        assert_eq!(seal(url, stored(None)), Err(UrlProblem::Redacted));
        assert_eq!(seal(url, None), Err(UrlProblem::Redacted));
    }
}
