//! The index against brute force: operations, order, filters, storage, shards.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // Tests may panic.

use std::collections::BTreeMap;

use similarity::codes::{BITS, Code, Encoder};
use similarity::index::{CHUNK_BYTES, CHUNK_ROWS, Hit, IdBitmap, Index, merge};
use similarity::{Error, MAX_ID};

/// Integer generator for tests: SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Code of few different bits, so that many distances are equal.
    fn code(&mut self) -> Code {
        let mut words = [0; 8];
        words[self.below(8) as usize] = self.next() & 0b1111;
        Code(words)
    }
}

fn encoder() -> Encoder {
    Encoder::new(vec![0.0; 4]).unwrap()
}

/// Distance by bits, one at a time.
fn slow_distance(a: &Code, b: &Code) -> u16 {
    (0..BITS).filter(|bit| (a.0[bit / 64] ^ b.0[bit / 64]) >> (bit % 64) & 1 == 1).count() as u16
}

/// All rows, sorted as the documentation says.
fn brute_force(rows: &BTreeMap<u64, Code>, query: &Code, k: usize, filter: impl Fn(u64) -> bool) -> Vec<Hit> {
    let hit = |(id, code): (&u64, &Code)| Hit { id: *id, distance: slow_distance(query, code) };
    let mut hits: Vec<Hit> = rows.iter().map(hit).filter(|hit| filter(hit.id)).collect();
    hits.sort_by_key(|hit| (hit.distance, std::cmp::Reverse(hit.id)));
    hits.truncate(k);
    hits
}

#[test]
fn searches_agree_with_brute_force_after_any_inserts_replacements_and_removals() {
    let mut random = Random(1);
    let mut index = Index::new(&encoder());
    let mut rows = BTreeMap::new();
    for step in 0..12_000 {
        // Grows to about 3,000 rows, then shrinks, so that chunks appear and vanish.
        let grows = step < 6_000;
        let id = if random.below(50) == 0 { MAX_ID - random.below(5) } else { random.below(4_000) };
        if random.below(4) == 0 || !grows && random.below(8) != 0 {
            assert_eq!(index.remove(id), rows.remove(&id).is_some());
        } else {
            let code = random.code();
            assert_eq!(index.insert(id, code), Ok(rows.insert(id, code).is_none()));
        }
        assert_eq!(index.len(), rows.len());
        if step % 500 == 0 {
            for k in [0, 1, 7, 100, 5_000] {
                let query = random.code();
                assert_eq!(index.search(&query, k, |_| true), brute_force(&rows, &query, k, |_| true));
                let odd = |id| id % 2 == 1;
                assert_eq!(index.search(&query, k, odd), brute_force(&rows, &query, k, odd));
            }
            for id in 0..4_000 {
                assert_eq!(index.get(id), rows.get(&id));
            }
        }
    }
    for id in rows.keys() {
        assert!(index.remove(*id));
    }
    assert!(index.is_empty() && index.search(&Code::default(), 5, |_| true).is_empty());
}

#[test]
fn distances_count_every_bit() {
    let mut random = Random(2);
    for _ in 0..200 {
        let (a, b) = (Code(std::array::from_fn(|_| random.next())), Code(std::array::from_fn(|_| random.next())));
        assert_eq!(a.distance(&b), u32::from(slow_distance(&a, &b)));
    }
    assert_eq!(Code([0; 8]).distance(&Code([u64::MAX; 8])), 512);
}

#[test]
fn filters_are_asked_only_for_rows_that_are_near() {
    let mut index = Index::new(&encoder());
    for id in 0..1_000 {
        let far = if id < 10 { 0 } else { u64::MAX };
        index.insert(id, Code([far, 0, 0, 0, 0, 0, 0, 0])).unwrap();
    }
    let mut asked = 0;
    let hits = index.search(&Code::default(), 10, |_| {
        asked += 1;
        true
    });
    assert_eq!((hits.len(), asked), (10, 10));
}

#[test]
fn bitmaps_hold_the_ids_of_their_range() {
    let mut bitmap = IdBitmap::new(100..300);
    assert!(bitmap.insert(100) && bitmap.insert(299) && !bitmap.insert(99) && !bitmap.insert(1_000));
    bitmap.remove(100);
    bitmap.remove(5);
    assert_eq!((0..2_000).filter(|id| bitmap.contains(*id)).collect::<Vec<_>>(), [299]);
}

#[test]
fn ids_above_the_limit_are_refused() {
    let mut index = Index::new(&encoder());
    assert_eq!(index.insert(MAX_ID + 1, Code::default()), Err(Error::Id));
    assert_eq!((index.insert(MAX_ID, Code::default()), index.len()), (Ok(true), 1));
    assert!(!index.remove(u64::MAX));
}

#[test]
fn shards_merge_into_the_result_of_one_index() {
    let mut random = Random(3);
    let mut shards: Vec<Index> = (0..3).map(|_| Index::new(&encoder())).collect();
    let mut rows = BTreeMap::new();
    for id in 0..2_000 {
        let code = random.code();
        shards[(id % 3) as usize].insert(id, code).unwrap();
        rows.insert(id, code);
    }
    let query = random.code();
    let results = shards.iter().map(|shard| shard.search(&query, 50, |_| true));
    assert_eq!(merge(results, 50), brute_force(&rows, &query, 50, |_| true));
    let doubled = vec![vec![Hit { id: 1, distance: 3 }], vec![Hit { id: 1, distance: 3 }, Hit { id: 2, distance: 3 }]];
    assert_eq!(merge(doubled, 5), [Hit { id: 2, distance: 3 }, Hit { id: 1, distance: 3 }]);
}

/// Applies what `take_changed` names to stored chunks, as a caller does.
fn store(index: &mut Index, stored: &mut BTreeMap<u32, Vec<u8>>) -> usize {
    let changed = index.take_changed();
    for number in &changed {
        match index.chunk(*number) {
            Some(bytes) => stored.insert(*number, bytes),
            None => stored.remove(number),
        };
    }
    changed.len()
}

#[test]
fn stored_chunks_restore_the_index_after_every_change() {
    let mut random = Random(4);
    let mut index = Index::new(&encoder());
    let mut stored = BTreeMap::new();
    for id in 0..3_000 {
        index.insert(id, random.code()).unwrap();
    }
    assert_eq!(store(&mut index, &mut stored), 3);
    assert_eq!(stored[&0].len(), CHUNK_BYTES);
    const { assert!(CHUNK_BYTES < 128 * 1024) };
    for round in 0..40 {
        if round % 3 == 0 {
            index.insert(random.below(4_000), random.code()).unwrap();
        }
        let removed = if round == 20 { 1_500 } else { 5 };
        for _ in 0..removed {
            index.remove(random.below(4_000));
        }
        store(&mut index, &mut stored);
        let mut restored = Index::from_chunks(&encoder(), stored.values()).unwrap();
        let query = random.code();
        assert_eq!(restored.search(&query, 9_999, |_| true), index.search(&query, 9_999, |_| true));
        assert!(restored.take_changed().is_empty(), "what was just read need not be stored");
    }
    index.insert(9_000, random.code()).unwrap();
    assert_eq!(store(&mut index, &mut stored), 1, "an insert changes one chunk");
    index.remove(9_000);
    store(&mut index, &mut stored);
    let id = index.search(&Code::default(), 1, |_| true)[0].id;
    index.remove(id);
    assert!(store(&mut index, &mut stored) <= 2, "a removal changes at most two chunks");
}

#[test]
fn damaged_chunks_are_refused() {
    let mut index = Index::new(&encoder());
    for id in 0..CHUNK_ROWS as u64 + 3 {
        index.insert(id, Code([id; 8])).unwrap();
    }
    let (first, second) = (index.chunk(0).unwrap(), index.chunk(1).unwrap());
    let read = |chunks: &[&[u8]]| Index::from_chunks(&encoder(), chunks).map(|index| index.len());
    assert_eq!(read(&[&first, &second]), Ok(CHUNK_ROWS + 3));
    assert_eq!(read(&[&second]), Err(Error::Corrupt));
    assert_eq!(read(&[&second, &first]), Err(Error::Corrupt));
    assert_eq!(read(&[&first, &first]), Err(Error::Corrupt));
    for byte in 0..second.len() {
        let mut damaged = second.clone();
        damaged[byte] ^= 0x10;
        let error = read(&[&first, &damaged]).unwrap_err();
        assert!(error == Error::Corrupt || error == Error::Version, "byte {byte}");
        assert!(read(&[&first, &second[..byte]]).is_err());
    }
    let other = Encoder::new(vec![0.5; 4]).unwrap();
    assert_eq!(Index::from_chunks(&other, [&first]).err(), Some(Error::Version));
}
