//! Expensive things, kept until the memory they take is wanted: what was used longest ago goes first.

use crate::memory_budget::MemoryBudget;

pub struct Cache<K, V> {
    /// Without a limit the last one used is kept.
    budget: MemoryBudget,
    /// The last one used is the last one here.
    entries: Vec<Entry<K, V>>,
}

struct Entry<K, V> {
    key: K,
    bytes: u64,
    value: V,
}

impl<K: PartialEq, V> Cache<K, V> {
    pub fn new(budget: impl Into<MemoryBudget>) -> Self {
        Self { budget: budget.into(), entries: Vec::new() }
    }

    pub fn get(&mut self, key: &K) -> Option<&mut V> {
        let at = self.entries.iter().position(|entry| entry.key == *key)?;
        let entry = self.entries.remove(at);
        self.entries.push(entry);
        self.entries.last_mut().map(|entry| &mut entry.value)
    }

    /// Lets go of others until there is room for so many bytes more; false, and nothing goes, where there never is.
    pub fn make_room(&mut self, bytes: u64) -> bool {
        self.shrink(0, bytes)
    }

    /// The same, but the last one used stays: the bytes are for what it does.
    pub fn make_room_beside_last(&mut self, bytes: u64) -> bool {
        self.shrink(self.entries.len().min(1), bytes)
    }

    /// Lets go of what does not fit any more since others reserved memory.
    pub fn fit(&mut self) {
        if self.budget.left().is_some() {
            self.shrink(0, 0);
        }
    }

    fn shrink(&mut self, stay: usize, bytes: u64) -> bool {
        let last = self.entries.len() - stay;
        let Some(budget) = self.budget.left() else {
            self.entries.drain(..last);
            return true;
        };
        let sum = |entries: &[Entry<K, V>]| entries.iter().fold(bytes, |sum, entry| sum.saturating_add(entry.bytes));
        let Some(gone) = (0..=last).find(|gone| sum(&self.entries[*gone..]) <= budget) else { return false };
        self.entries.drain(..gone);
        true
    }

    /// As the last one used.
    pub fn insert(&mut self, key: K, bytes: u64, value: V) {
        self.remove(&key);
        self.entries.push(Entry { key, bytes, value });
    }

    /// What there is and the bytes it takes, the last one used at the end.
    pub fn entries(&self) -> impl Iterator<Item = (&K, u64)> {
        self.entries.iter().map(|entry| (&entry.key, entry.bytes))
    }

    pub fn remove(&mut self, key: &K) {
        self.entries.retain(|entry| entry.key != *key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(cache: &Cache<u8, char>) -> Vec<u8> {
        cache.entries().map(|(key, _)| *key).collect()
    }

    fn filled(budget: Option<u64>) -> Cache<u8, char> {
        let mut cache = Cache::new(budget);
        for (key, value) in [(1, 'a'), (2, 'b'), (3, 'c')] {
            assert!(cache.make_room(30));
            cache.insert(key, 30, value);
        }
        cache
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let mut cache = filled(Some(100));
        assert_eq!(cache.get(&1), Some(&mut 'a'));
        assert_eq!(cache.get(&9), None);
        assert!(cache.make_room(40));
        assert_eq!(keys(&cache), [3, 1]);
        assert!(cache.make_room_beside_last(70));
        assert_eq!(keys(&cache), [1]);
        // What never fits costs nobody.
        assert!(!cache.make_room(101) && !cache.make_room_beside_last(71) && !cache.make_room(u64::MAX));
        assert_eq!(keys(&cache), [1]);
        cache.remove(&1);
        assert!(cache.make_room_beside_last(100) && keys(&cache).is_empty());
    }

    #[test]
    fn what_others_reserve_is_given_up_when_asked() {
        let budget = MemoryBudget::new(Some(100));
        let mut cache = Cache::new(budget.clone());
        for key in [1, 2, 3] {
            assert!(cache.make_room(30));
            cache.insert(key, 30, 'a');
        }
        let reserved = budget.reserve(40).unwrap();
        assert!(!cache.make_room(61));
        assert_eq!(keys(&cache), [1, 2, 3]);
        cache.fit();
        assert_eq!(keys(&cache), [2, 3]);
        drop(reserved);
        assert!(cache.make_room(40) && keys(&cache) == [2, 3]);
        let _all = budget.reserve(100).unwrap();
        cache.fit();
        assert!(keys(&cache).is_empty());
    }

    #[test]
    fn without_a_budget_one_is_kept() {
        let mut cache = filled(None);
        cache.fit();
        assert_eq!(keys(&cache), [3]);
        assert!(cache.make_room_beside_last(u64::MAX));
        assert_eq!(keys(&cache), [3]);
    }
}
