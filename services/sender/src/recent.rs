//! A bounded memory: what was used longest ago is forgotten first. Pure.

use std::collections::HashMap;
use std::hash::Hash;

/// Values by key, at most so many.
pub(crate) struct Recent<K, V> {
    most: usize,
    /// Counts uses.
    clock: u64,
    entries: HashMap<K, (u64, V)>,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    /// An empty memory for `most` values, at least one.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            clock: 0,
            entries: HashMap::new(),
        }
    }

    /// A value, which counts as used now.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        self.clock += 1;
        let (used, value) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(value)
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keeps a value; tells whether another one had to go for it, which takes a look at all of them.
    pub(crate) fn insert(&mut self, key: K, value: V) -> bool {
        self.clock += 1;
        let is_full = self.entries.len() >= self.most && !self.entries.contains_key(&key);
        if is_full {
            let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|key| self.entries.remove(&key));
        }
        self.entries.insert(key, (self.clock, value));
        is_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_is_forgotten_first() {
        let mut recent = Recent::new(2);
        assert!(!recent.insert("a", 1));
        assert!(!recent.insert("b", 2));
        assert_eq!(recent.get(&"a"), Some(&1));
        assert!(!recent.insert("b", 3), "it only replaces itself");
        assert_eq!(recent.get(&"a"), Some(&1));
        assert!(recent.insert("c", 4));
        assert_eq!(recent.get(&"b"), None);
        assert_eq!(recent.get(&"a"), Some(&1));
        assert_eq!(recent.get(&"c"), Some(&4));
    }
}
