//! Whose variables are whose: ours, Kubernetes', or a misspelling.

/// What the names of all our settings start with.
const PREFIX: &str = "POSTHORN_";

/// The most letters that may differ between a misspelt name and the one we suggest.
const MAX_TYPOS: usize = 3;

/// Whether a variable claims to be a setting of Posthorn.
pub(super) fn is_ours(key: &str) -> bool {
    key.starts_with(PREFIX)
}

/// Whether Kubernetes has set this variable, because a Service is called `posthorn-…`.
///
/// For a Service `posthorn-api` it puts `POSTHORN_API_SERVICE_HOST`, `POSTHORN_API_PORT` and their
/// like into every pod of the namespace, unless `enableServiceLinks` is false. They are nobody's
/// mistake, and one of them could even be taken for a setting.
/// Source: <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>.
pub(super) fn is_service_link(key: &str, value: &str) -> bool {
    if !is_ours(key) {
        return false;
    }
    let protocols = ["TCP", "UDP", "SCTP"];
    let is_url = protocols
        .iter()
        .any(|protocol| value.starts_with(&format!("{}://", protocol.to_ascii_lowercase())));
    let is_port_detail = key.split_once("_PORT_").is_some_and(|(_, detail)| {
        let mut words = detail.split('_');
        words
            .next()
            .is_some_and(|port| port.bytes().all(|digit| digit.is_ascii_digit()))
            && words
                .next()
                .is_some_and(|protocol| protocols.contains(&protocol))
    });
    key.ends_with("_SERVICE_HOST")
        || key.ends_with("_SERVICE_PORT")
        || key.contains("_SERVICE_PORT_")
        || (key.ends_with("_PORT") && is_url)
        || is_port_detail
}

/// The known name that was probably meant, if one is close enough.
pub(super) fn closest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |name: &&'a str| typos(key, name);
    let nearest = known.filter(|name| is_ours(name)).min_by_key(distance)?;
    (typos(key, nearest) <= MAX_TYPOS).then_some(nearest)
}

/// How many letters must be added, removed or replaced to make one text the other (Levenshtein).
fn typos(left: &str, right: &str) -> usize {
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.bytes().enumerate() {
        let mut diagonal = above[0];
        above[0] = row + 1;
        for (column, to) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = above[column + 1];
            above[column + 1] = replaced.min(diagonal + 1).min(above[column] + 1);
        }
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_counted() {
        let cases = [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "abx", 1),
            ("abc", "ab", 1),
        ];
        for (left, right, count) in cases {
            assert_eq!(typos(left, right), count, "{left} {right}");
            assert_eq!(typos(right, left), count, "{right} {left}");
        }
        assert_eq!(typos("kitten", "sitting"), 3);
    }

    #[test]
    fn a_close_name_is_suggested_and_a_far_one_is_not() {
        let known = ["OTEL_SERVICE_NAME", "POSTHORN_GRACE", "POSTHORN_NATS_URL"];
        let cases = [
            ("POSTHORN_GRACEE", Some("POSTHORN_GRACE")),
            ("POSTHORN_GARCE", Some("POSTHORN_GRACE")),
            ("POSTHORN_NATS_URI", Some("POSTHORN_NATS_URL")),
            ("POSTHORN_SOMETHING", None),
        ];
        for (key, meant) in cases {
            assert_eq!(closest(key, known.into_iter()), meant, "{key}");
        }
        assert_eq!(closest("POSTHORN_GRACE", std::iter::empty()), None);
    }

    #[test]
    fn the_variables_of_a_service_are_told_from_settings() {
        let links = [
            ("POSTHORN_PORT", "tcp://10.0.0.11:8071"),
            ("POSTHORN_API_PORT", "tcp://10.0.0.11:8071"),
            ("POSTHORN_API_SERVICE_HOST", "10.0.0.11"),
            ("POSTHORN_API_SERVICE_PORT", "8071"),
            ("POSTHORN_API_SERVICE_PORT_HTTP", "8071"),
            ("POSTHORN_API_PORT_8071_TCP", "tcp://10.0.0.11:8071"),
            ("POSTHORN_API_PORT_8071_TCP_ADDR", "10.0.0.11"),
        ];
        for (key, value) in links {
            assert!(is_service_link(key, value), "{key}");
        }
        let settings = [
            ("POSTHORN_PORT", "8071"),
            ("POSTHORN_ADMIN_ADDR", "0.0.0.0:9071"),
            ("POSTHORN_PORT_RANGE", "1-2"),
            ("API_SERVICE_HOST", "10.0.0.11"),
        ];
        for (key, value) in settings {
            assert!(!is_service_link(key, value), "{key}");
        }
    }
}
