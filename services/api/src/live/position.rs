//! Places in the stream as callers see them: sealed, because the place itself would tell a tenant how
//! much all tenants together send. Every process of a fleet reads them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posthorn_signing::{KeyRing, SealContext};

const CONTEXT: SealContext<'static> = SealContext {
    organization: "",
    owner: "live",
    column: "position",
};
/// Longest text that is looked at.
const MAX_LEN: usize = 256;

/// A place in the stream: a message, and which of its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) sequence: u64,
    line: u16,
}

impl Position {
    /// Behind everything that a message holds.
    pub(crate) fn end_of(sequence: u64) -> Self {
        let line = u16::MAX;
        Self { sequence, line }
    }

    /// The places of a message's items. Behind the last of them nothing is left of the message.
    pub(super) fn of_items(sequence: u64, count: usize) -> impl Iterator<Item = Self> {
        let before = (0..u16::MAX).map(move |line| Self { sequence, line });
        let before = before.take(count.saturating_sub(1));
        before.chain((count > 0).then_some(Self::end_of(sequence)))
    }
}

/// A place as text.
pub(crate) fn text(keys: &KeyRing, position: Position) -> String {
    let [sequence, line] = [
        &position.sequence.to_be_bytes()[..],
        &position.line.to_be_bytes(),
    ];
    URL_SAFE_NO_PAD.encode(keys.seal(&[sequence, line].concat(), &CONTEXT))
}

/// Reads a place; `None` for what is none of ours.
pub(crate) fn read(keys: &KeyRing, text: &str) -> Option<Position> {
    if text.len() > MAX_LEN {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
    let bytes = keys.open(&sealed, &CONTEXT).ok()?;
    let (sequence, line) = bytes.split_first_chunk()?;
    Some(Position {
        sequence: u64::from_be_bytes(*sequence),
        line: line.try_into().ok().map(u16::from_be_bytes)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_by_whoever_has_the_keys_and_shows_nothing() {
        let keys = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        let position = Position {
            sequence: 41,
            line: 2,
        };
        let one = text(&keys, position);
        assert_eq!(read(&keys, &one), Some(position));
        assert_ne!(one, text(&keys, position));
        let others = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        assert_eq!(read(&others, &one), None);
        for bad in ["", "41", &"a".repeat(1_000)] {
            assert_eq!(read(&keys, bad), None);
        }
    }

    #[test]
    fn the_items_of_a_message_end_with_its_end() {
        let of = |count| Position::of_items(7, count).collect::<Vec<_>>();
        assert!(of(0).is_empty());
        assert_eq!(of(1), [Position::end_of(7)]);
        let three = of(3);
        assert!(three.is_sorted() && three[0] < three[1]);
        assert_eq!(three[2], Position::end_of(7));
        assert!(three[2] < Position::of_items(8, 2).next().unwrap());
    }
}
