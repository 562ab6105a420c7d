//! Several outcomes in one message of OUTCOMES, one a line.
//!
//! A message costs nats-server the same whether it carries one outcome or fifty. JSON as we write it
//! never contains a line break, so a message with one outcome is that outcome's JSON and nothing else.

use bytes::Bytes;

const BREAK: u8 = b'\n';

/// Joins outcomes, each as [`Outcome::encode`](crate::Outcome::encode) gives it.
#[must_use]
pub fn join(outcomes: &[Bytes]) -> Bytes {
    match outcomes {
        [one] => one.clone(),
        several => Bytes::from(several.join(&BREAK)),
    }
}

/// The outcomes of a message, in the order they were joined in; they share its memory.
pub fn split(message: &Bytes) -> impl Iterator<Item = Bytes> {
    message
        .split(|byte| *byte == BREAK)
        .map(|line| message.slice_ref(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_is_split_again() {
        let all = [r#"{"a":"b\nc"}"#, "{}", "[1]"].map(|json| Bytes::from_static(json.as_bytes()));
        for count in 1..=all.len() {
            let message = join(&all[..count]);
            let lines: Vec<_> = split(&message).collect();
            assert_eq!(lines, all[..count]);
        }
        assert_eq!(join(&all[..1]), all[0], "one outcome stands alone");
    }
}
