//! How deeply a JSON text is nested.
//!
//! Bodies are passed on byte for byte and never built into a tree here, so the parser's own limit
//! does not apply to them. The receiver's parser may well recurse, so the depth is bounded for its
//! sake.

/// Deepest nesting of arrays and objects that is accepted in an event's `data` or `payload`.
///
/// *Source*: a choice, far beyond what events look like and within what most languages' parsers
/// read by default. The lowest default that we know is `serde_json`'s 127, so a Rust receiver may
/// have to raise it for the last two levels: `data` stands one level deep in the event object.
pub const MAX_JSON_DEPTH: usize = 128;

/// Whether a valid JSON text is nested deeper than [`MAX_JSON_DEPTH`].
#[must_use]
pub fn exceeds_limit(json: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > MAX_JSON_DEPTH {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        let text = format!(r#"{{"a":"{}\"[","b":[1]}}"#, "[".repeat(500));
        assert!(!exceeds_limit(&text));
    }

    #[test]
    fn the_limit_is_exact() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(!exceeds_limit(&nested(MAX_JSON_DEPTH)));
        assert!(exceeds_limit(&nested(MAX_JSON_DEPTH + 1)));
        assert!(!exceeds_limit(&format!(
            "[{}]",
            vec!["[]"; 1_000].join(",")
        )));
    }
}
