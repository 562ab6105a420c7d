//! How much a reason may say.
//!
//! Reasons reach strangers and are kept beside refused input, and parsers like to repeat what they
//! met. Every reason that leaves a process is therefore cut here, and nowhere else.

/// Longest reason, in characters.
pub const MAX_DETAIL_CHARS: usize = 200;

/// A reason of at most [`MAX_DETAIL_CHARS`] characters; an ellipsis tells that it went on.
#[must_use]
pub fn shortened(text: impl Into<String>) -> String {
    let mut text = text.into();
    let mut ends = text.char_indices().map(|(start, _)| start);
    // The ellipsis counts, too.
    if let Some(end) = ends.nth(MAX_DETAIL_CHARS - 1)
        && ends.next().is_some()
    {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact_and_counts_characters() {
        let fits = "é".repeat(MAX_DETAIL_CHARS);
        assert_eq!(shortened(fits.clone()), fits);
        let cut = shortened("é".repeat(MAX_DETAIL_CHARS + 1));
        assert_eq!(cut.chars().count(), MAX_DETAIL_CHARS);
        assert!(cut.ends_with("é…"));
        assert_eq!(shortened(""), "");
    }
}
