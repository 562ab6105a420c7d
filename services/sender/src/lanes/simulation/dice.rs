//! Randomness from a seed.

use std::time::Duration;

/// *Source* of the method: `SplitMix64`.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }

    pub(super) fn in_a_hundred(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    pub(super) fn in_a_thousand(&mut self, share: u64) -> bool {
        self.below(1_000) < share
    }

    pub(super) fn up_to(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap();
        Duration::from_micros(self.below(micros + 1))
    }
}
