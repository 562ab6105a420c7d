//! Prints an error with its causes on one line.
//!
//! Our errors say only their own layer and leave the cause to `source()`; some crates repeat the
//! cause in their own text. Both come out right here: what was said is not said again.

use std::error::Error;

/// Joins the texts of `error` and its sources with `": "`.
///
/// A source is left out when its text stands in what was printed before it.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    /// The first text is the outermost error, the last one the root cause.
    fn layers(texts: &[&'static str]) -> Layer {
        let (text, causes) = texts.split_first().unwrap();
        let source = (!causes.is_empty()).then(|| Box::new(layers(causes)));
        Layer { text, source }
    }

    #[test]
    fn every_layer_is_said_once() {
        let cases: [(&[&'static str], &str); 5] = [
            (&["connect"], "connect"),
            (&["connect", "refused"], "connect: refused"),
            (&["connect: refused", "refused"], "connect: refused"),
            (
                &["open stream", "request: timed out", "timed out"],
                "open stream: request: timed out",
            ),
            (&["a", "b: d", "c", "d"], "a: b: d: c"),
        ];
        for (texts, expected) in cases {
            assert_eq!(chain(&layers(texts)), expected);
        }
    }
}
