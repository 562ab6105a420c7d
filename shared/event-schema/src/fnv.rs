//! FNV-1a with 128 bits: a digest that is the same in every build, and no defence against somebody who
//! looks for two texts that share one. *Source*: draft-eastlake-fnv.

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// The digest of texts, each followed by `end`, which none of them may contain.
pub(crate) fn of_texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>, end: u8) -> u128 {
    let step = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(PRIME);
    texts.into_iter().fold(OFFSET, |hash, text| {
        step(text.as_ref().bytes().fold(hash, step), end)
    })
}
