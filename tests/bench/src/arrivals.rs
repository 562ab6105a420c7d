//! Which numbered deliveries arrived, and which of them again.

/// Numbered deliveries that arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrivals {
    /// A bit for each number.
    seen: Vec<u64>,
    /// Different ones.
    pub(crate) count: u32,
    /// Those that came again.
    pub(crate) repeated: u32,
}

impl Arrivals {
    /// Notes one; whether it is the first of its number.
    pub(crate) fn add(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let is_new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        self.count += u32::from(is_new);
        self.repeated += u32::from(!is_new);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_is_told_apart() {
        let mut arrivals = Arrivals::default();
        let new: Vec<bool> = [5, 200, 5].map(|number| arrivals.add(number)).to_vec();
        assert_eq!(new, [true, true, false]);
        assert_eq!((arrivals.count, arrivals.repeated), (2, 1));
    }
}
