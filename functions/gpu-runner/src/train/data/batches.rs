//! Which examples are learnt together, and when.
//!
//! All of a batch have one size. An epoch shows every example once: those of each size in an order of their own, in
//! batches of which the last may be smaller, and the batches mixed. It is a function of seed and epoch alone, so that a
//! training which goes on after a stop goes on as it would have.

use std::collections::BTreeMap;

use crate::noise::Noise;
use crate::train::Examples;

pub struct Batches {
    /// Examples by their size.
    sizes: BTreeMap<(usize, usize), Vec<usize>>,
    batch: usize,
    seed: u64,
    per_epoch: usize,
    now: Option<(u64, Vec<Vec<usize>>)>,
}

impl Batches {
    /// `batch` is at least 1.
    pub fn of(examples: &dyn Examples, batch: usize, seed: u64) -> Self {
        let batch = batch.max(1);
        let mut sizes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for index in 0..examples.len() {
            sizes.entry(examples.size(index)).or_default().push(index);
        }
        let per_epoch = sizes.values().map(|of_size| of_size.len().div_ceil(batch)).sum();
        Self { sizes, batch, seed, per_epoch, now: None }
    }

    /// Batches in an epoch, as many in each.
    pub fn per_epoch(&self) -> usize {
        self.per_epoch
    }

    /// The examples of a step, counted from 0 through all epochs. None where there are no examples.
    pub fn at(&mut self, step: u64) -> &[usize] {
        let per_epoch = self.per_epoch.max(1) as u64;
        let epoch = step / per_epoch;
        if self.now.as_ref().is_none_or(|(of, _)| *of != epoch) {
            self.now = Some((epoch, self.epoch(epoch)));
        }
        let batches = self.now.as_ref().map(|(_, batches)| batches.as_slice()).unwrap_or_default();
        batches.get((step % per_epoch) as usize).map(Vec::as_slice).unwrap_or_default()
    }

    /// The batches of an epoch in their order.
    pub fn epoch(&self, epoch: u64) -> Vec<Vec<usize>> {
        // Seeds that are one apart must not meet at epochs that are one apart.
        let mut random = Noise::new(self.seed.wrapping_add(epoch.wrapping_mul(0xd134_2543_de82_ef95)));
        let mut batches = Vec::with_capacity(self.per_epoch);
        for of_size in self.sizes.values() {
            let mut of_size = of_size.clone();
            shuffle(&mut of_size, &mut random);
            batches.extend(of_size.chunks(self.batch).map(<[usize]>::to_vec));
        }
        shuffle(&mut batches, &mut random);
        batches
    }
}

/// Fisher and Yates, as by Durstenfeld (1964).
fn shuffle<T>(items: &mut [T], random: &mut Noise) {
    for last in (1..items.len()).rev() {
        let at = (1.0 - random.uniform()) * (last as f64 + 1.0);
        items.swap(last, (at as usize).min(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DrawError;
    use crate::train::Example;

    struct Sizes(Vec<(usize, usize)>);

    impl Examples for Sizes {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn size(&self, index: usize) -> (usize, usize) {
            self.0[index]
        }

        fn get(&self, _: usize) -> Result<Example, DrawError> {
            unreachable!("batches are made of sizes")
        }

        fn fingerprint(&self) -> String {
            String::new()
        }
    }

    fn sizes() -> Sizes {
        Sizes((0..50).map(|i| if i == 7 { (64, 8) } else { (64, 64 + 8 * (i % 2)) }).collect())
    }

    #[test]
    fn an_epoch_has_every_example_once_in_batches_of_one_size() {
        let examples = sizes();
        let batches = Batches::of(&examples, 4, 3);
        let epoch = batches.epoch(0);
        // 25, 24 and 1.
        assert_eq!((epoch.len(), batches.per_epoch()), (7 + 6 + 1, 14));
        for batch in &epoch {
            assert!((1..=4).contains(&batch.len()) && batch.iter().all(|i| examples.0[*i] == examples.0[batch[0]]));
        }
        let mut all = epoch.concat();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn the_order_is_of_seed_and_epoch_alone() {
        let examples = sizes();
        let of = |seed, epoch| Batches::of(&examples, 4, seed).epoch(epoch);
        assert_eq!(of(3, 5), of(3, 5));
        assert!(of(3, 0) != of(3, 1) && of(3, 1) != of(4, 0) && of(3, 0) != of(4, 0));
        // From any step on.
        let mut on = Batches::of(&examples, 4, 3);
        let walked: Vec<_> = (0..40).map(|step| on.at(step).to_vec()).collect();
        let mut resumed = Batches::of(&examples, 4, 3);
        assert_eq!(resumed.at(39), walked[39]);
        assert_eq!(resumed.at(17), walked[17]);
        assert!(Batches::of(&Sizes(Vec::new()), 4, 3).at(2).is_empty());
    }

    /// Positions of an example over epochs: each as often as any other.
    #[test]
    fn every_order_is_as_likely() {
        let examples = Sizes(vec![(8, 8); 6]);
        let batches = Batches::of(&examples, 1, 0);
        let mut seen = [[0; 6]; 6];
        for epoch in 0..6_000 {
            for (place, batch) in batches.epoch(epoch).iter().enumerate() {
                seen[batch[0]][place] += 1;
            }
        }
        assert!(seen.iter().flatten().all(|n| (850..1150).contains(n)), "{seen:?}");
    }
}
