//! The memory that drawing and training share: a training reserves what it needs for as long as it runs, and models in
//! memory have the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Clones share the reservations.
#[derive(Clone, Debug, Default)]
pub struct MemoryBudget {
    /// Bytes; None for no limit.
    all: Option<u64>,
    reserved: Arc<AtomicU64>,
}

/// Bytes that are reserved until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    bytes: u64,
    reserved: Arc<AtomicU64>,
}

impl MemoryBudget {
    pub fn new(bytes: Option<u64>) -> Self {
        Self { all: bytes, reserved: Arc::default() }
    }

    /// Bytes that are not reserved; None for no limit.
    pub fn left(&self) -> Option<u64> {
        self.all.map(|all| all.saturating_sub(self.reserved.load(Ordering::SeqCst)))
    }

    /// Takes bytes away from `left`. None where there are fewer.
    pub fn reserve(&self, bytes: u64) -> Option<Reservation> {
        let take = |reserved: u64| {
            let sum = reserved.checked_add(bytes)?;
            self.all.is_none_or(|all| sum <= all).then_some(sum)
        };
        self.reserved.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).ok()?;
        Some(Reservation { bytes, reserved: self.reserved.clone() })
    }
}

/// A budget of so many bytes, or without a limit.
impl From<Option<u64>> for MemoryBudget {
    fn from(bytes: Option<u64>) -> Self {
        Self::new(bytes)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.reserved.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_not_left() {
        let budget = MemoryBudget::new(Some(10));
        let shared = budget.clone();
        let first = budget.reserve(7).unwrap();
        assert_eq!(shared.left(), Some(3));
        assert!(shared.reserve(4).is_none() && shared.reserve(u64::MAX).is_none());
        let second = shared.reserve(3).unwrap();
        assert_eq!(budget.left(), Some(0));
        drop(first);
        assert_eq!(budget.left(), Some(7));
        drop(second);
        assert_eq!(budget.left(), Some(10));
        let unlimited = MemoryBudget::new(None);
        let _all = unlimited.reserve(1 << 50).unwrap();
        assert_eq!(unlimited.left(), None);
    }
}
