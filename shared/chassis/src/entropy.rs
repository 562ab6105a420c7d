//! Randomness, drawn at the edge.
//!
//! Ids, secrets and jitter take their random part as an argument, so that their tests are tables;
//! whoever calls them draws it here. The source is cryptographically secure (seeded by the
//! operating system), so the same bytes are good for an id and for a secret.

/// Draws `LENGTH` random bytes.
///
/// # Panics
///
/// When the operating system has no randomness to give; nothing could be done safely then.
pub fn bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    rand::random()
}

/// Draws a number from 0 (included) to 1 (excluded), evenly; for jitter.
///
/// # Panics
///
/// As [`bytes`].
pub fn fraction() -> f64 {
    rand::random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_draw_repeats_another() {
        assert_ne!(bytes::<16>(), bytes::<16>());
    }

    #[test]
    fn a_fraction_lies_below_one() {
        for _draw in 0..1000 {
            assert!((0.0..1.0).contains(&fraction()));
        }
    }
}
