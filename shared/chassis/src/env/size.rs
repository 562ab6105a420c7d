//! Sizes in bytes as people write them.

/// The binary units; decimal ones are left out, because `1MB` is read both ways.
const UNITS: [(&str, usize); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Parses `1048576`, `64KiB`, `1MiB` or `2GiB`; none for anything else or what does not fit.
pub(super) fn parse_bytes(text: &str) -> Option<usize> {
    let unit = UNITS
        .iter()
        .find_map(|(name, bytes)| Some((text.strip_suffix(name)?, *bytes)));
    let (count, bytes) = unit.unwrap_or((text, 1));
    if !count.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    count.parse::<usize>().ok()?.checked_mul(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        let cases = [
            ("0", Some(0)),
            ("1048576", Some(1_048_576)),
            ("64KiB", Some(65_536)),
            ("1MiB", Some(1_048_576)),
            ("2GiB", Some(2_147_483_648)),
            ("", None),
            ("MiB", None),
            ("1MB", None),
            ("1 MiB", None),
            ("1.5MiB", None),
            ("-1", None),
            ("+1", None),
            ("99999999999GiB", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_bytes(text), bytes, "{text:?}");
        }
    }
}
