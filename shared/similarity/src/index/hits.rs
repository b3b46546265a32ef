//! Results of a search: the k nearest, and merging of shards. Must not know codes.

use std::collections::BinaryHeap;

use crate::MAX_ID;
use crate::codes::BITS;

/// Bits of an id in a key.
const ID_BITS: u32 = 53;

/// Row that a search found. Ordered by distance, then by id descending: newer rows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Id of the row.
    pub id: u64,
    /// Hamming distance from the query, 0..=512.
    pub distance: u16,
}

impl Hit {
    /// Number with the order of hits.
    fn key(self) -> u64 {
        u64::from(self.distance) << ID_BITS | (MAX_ID - self.id.min(MAX_ID))
    }

    fn from_key(key: u64) -> Self {
        Self { id: MAX_ID - (key & MAX_ID), distance: (key >> ID_BITS) as u16 }
    }
}

/// Merges results of shards into the `k` nearest of all. An id that several shards found appears once.
pub fn merge(shards: impl IntoIterator<Item = impl IntoIterator<Item = Hit>>, k: usize) -> Vec<Hit> {
    let mut keys: Vec<u64> = shards.into_iter().flatten().map(Hit::key).collect();
    keys.sort_unstable();
    let mut seen = std::collections::BTreeSet::new();
    keys.into_iter().map(Hit::from_key).filter(|hit| seen.insert(hit.id)).take(k).collect()
}

/// The k smallest keys so far.
pub(super) struct Nearest {
    k: usize,
    /// Largest key on top.
    keys: BinaryHeap<u64>,
    /// Largest distance that may still enter; −1 when k is 0.
    limit: i32,
}

impl Nearest {
    pub fn new(k: usize) -> Self {
        let limit = if k == 0 { -1 } else { BITS as i32 };
        Self { k, keys: BinaryHeap::with_capacity(k), limit }
    }

    /// True when a row at this distance may be among the nearest.
    #[inline(always)]
    pub fn may_take(&self, distance: u16) -> bool {
        i32::from(distance) <= self.limit
    }

    /// Takes a row if it is among the nearest so far and the filter accepts its id.
    pub fn offer(&mut self, distance: u16, id: u64, filter: &mut impl FnMut(u64) -> bool) {
        let key = Hit { id, distance }.key();
        let is_full = self.keys.len() >= self.k;
        if is_full && self.keys.peek().is_none_or(|worst| key >= *worst) || !filter(id) {
            return;
        }
        if is_full {
            self.keys.pop();
        }
        self.keys.push(key);
        if self.keys.len() >= self.k {
            self.limit = self.keys.peek().map_or(-1, |worst| (worst >> ID_BITS) as i32);
        }
    }

    /// The nearest in order.
    pub fn into_hits(self) -> Vec<Hit> {
        self.keys.into_sorted_vec().into_iter().map(Hit::from_key).collect()
    }
}
