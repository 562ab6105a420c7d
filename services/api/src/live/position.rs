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

/// A place as text.
pub(crate) fn text(keys: &KeyRing, sequence: u64) -> String {
    URL_SAFE_NO_PAD.encode(keys.seal(&sequence.to_be_bytes(), &CONTEXT))
}

/// Reads a place; `None` for what is none of ours.
pub(crate) fn read(keys: &KeyRing, text: &str) -> Option<u64> {
    if text.len() > MAX_LEN {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
    let bytes = keys.open(&sealed, &CONTEXT).ok()?;
    bytes.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_by_whoever_has_the_keys_and_shows_nothing() {
        let keys = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        let one = text(&keys, 41);
        assert_eq!(read(&keys, &one), Some(41));
        assert_ne!(one, text(&keys, 41));
        let others = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        assert_eq!(read(&others, &one), None);
        for bad in ["", "41", &"a".repeat(1_000)] {
            assert_eq!(read(&keys, bad), None);
        }
    }
}
