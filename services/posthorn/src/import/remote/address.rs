//! Where an API is, from what people write: pure.

use anyhow::{Context, anyhow, bail};
use reqwest::Url;

/// Where both APIs begin.
const BASE_PATH: [&str; 2] = ["api", "v1"];

/// The API's address from what people write: with or without `/api/v1`, with or without a slash.
pub(super) fn base(text: &str) -> anyhow::Result<Url> {
    let mut url = Url::parse(text.trim()).context("it is not a URL")?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        bail!("it must begin with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        bail!("it must not hold a user name or a password");
    }
    url.set_query(None);
    url.set_fragment(None);
    let given: Vec<String> = url
        .path_segments()
        .map(|parts| {
            parts
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default();
    let prefix = match given.as_slice() {
        [prefix @ .., api, version] if [api, version] == BASE_PATH => prefix,
        prefix => prefix,
    };
    url.path_segments_mut()
        .map_err(|()| anyhow!("it has no path"))?
        .clear()
        .extend(prefix)
        .extend(BASE_PATH);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_may_write_the_url_as_they_know_it() {
        for text in [
            "https://api.eu.svix.com",
            "https://api.eu.svix.com/",
            " https://api.eu.svix.com/api/v1",
            "https://api.eu.svix.com/api/v1/?x=1#y",
        ] {
            assert_eq!(
                base(text).unwrap().as_str(),
                "https://api.eu.svix.com/api/v1",
                "{text}"
            );
        }
        let below = base("http://host:8071/hooks/api/v1/").unwrap();
        assert_eq!(below.as_str(), "http://host:8071/hooks/api/v1");
        for bad in [
            "",
            "api.svix.com",
            "ftp://host",
            "https://me:pass@host",
            "file:///x",
        ] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }
}
