//! Hash table id → row, with open addressing. It holds rows alone, 4 bytes each; the caller knows the id of a row.
//! Must not know codes.
//!
//! Linear probing with backward-shift deletion (D. E. Knuth, The Art of Computer Programming 3, 6.4, algorithm R).

use crate::codes::mix;

/// Slot without a row.
const EMPTY: u32 = u32::MAX;

/// Slots of the smallest table.
const MIN_SLOTS: usize = 16;

/// Rows by id; at most three quarters of the slots are taken.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// Length 0 or a power of two.
    slots: Vec<u32>,
    len: usize,
}

impl Positions {
    /// Number of ids.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Row of an id; `id_of` gives the id of any row in the table.
    pub fn get(&self, id: u64, id_of: impl Fn(u32) -> u64) -> Option<u32> {
        self.slots.get(self.find(id, id_of)?).copied()
    }

    /// Adds an id that is not there.
    pub fn insert(&mut self, id: u64, row: u32, id_of: impl Fn(u32) -> u64) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            let slots = vec![EMPTY; (self.slots.len() * 2).max(MIN_SLOTS)];
            for row in std::mem::replace(&mut self.slots, slots) {
                if row != EMPTY {
                    self.put(id_of(row), row);
                }
            }
        }
        self.put(id, row);
        self.len += 1;
    }

    /// Removes an id and returns its row.
    pub fn remove(&mut self, id: u64, id_of: impl Fn(u32) -> u64) -> Option<u32> {
        let mut hole = self.find(id, &id_of)?;
        let row = self.row(hole);
        let mut slot = self.next(hole);
        while self.row(slot) != EMPTY {
            // A row may fill the hole unless its home lies cyclically after the hole.
            let home = self.home(id_of(self.row(slot)));
            if self.probes(home, slot) >= self.probes(hole, slot) {
                self.set(hole, self.row(slot));
                hole = slot;
            }
            slot = self.next(slot);
        }
        self.set(hole, EMPTY);
        self.len -= 1;
        Some(row)
    }

    /// Changes the row of an id that is there.
    pub fn relocate(&mut self, id: u64, row: u32, id_of: impl Fn(u32) -> u64) {
        if let Some(slot) = self.find(id, id_of) {
            self.set(slot, row);
        }
    }

    /// Slot of an id.
    fn find(&self, id: u64, id_of: impl Fn(u32) -> u64) -> Option<usize> {
        let mut slot = self.home(id);
        loop {
            match self.row(slot) {
                EMPTY => return None,
                row if id_of(row) == id => return Some(slot),
                _ => slot = self.next(slot),
            }
        }
    }

    /// Writes a row into the first free slot.
    fn put(&mut self, id: u64, row: u32) {
        let mut slot = self.home(id);
        while self.row(slot) != EMPTY {
            slot = self.next(slot);
        }
        self.set(slot, row);
    }

    /// First slot that an id is looked for in.
    fn home(&self, id: u64) -> usize {
        mix(id) as usize & self.slots.len().wrapping_sub(1)
    }

    /// Slot after a slot, cyclically.
    fn next(&self, slot: usize) -> usize {
        slot.wrapping_add(1) & self.slots.len().wrapping_sub(1)
    }

    /// Steps from one slot to another, cyclically.
    fn probes(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.slots.len().wrapping_sub(1)
    }

    /// Row in a slot.
    fn row(&self, slot: usize) -> u32 {
        self.slots.get(slot).copied().unwrap_or(EMPTY)
    }

    fn set(&mut self, slot: usize, row: u32) {
        if let Some(stored) = self.slots.get_mut(slot) {
            *stored = row;
        }
    }
}
