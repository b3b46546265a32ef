//! Pictures of what a model is not to forget beside those of what it is to learn (Ruiz et al. 2022).

use sha2::{Digest, Sha256};

use super::Directory;
use crate::DrawError;
use crate::train::{Example, Examples};

/// As many of one kind as of the other in an epoch: the fewer come round more often.
pub struct WithPrior {
    learned: Directory,
    prior: Directory,
}

impl Directory {
    /// With examples of another directory that keep what the model knows.
    pub fn keeping(self, prior: Directory) -> WithPrior {
        WithPrior { learned: self, prior }
    }
}

impl WithPrior {
    fn half(&self) -> usize {
        self.learned.len().max(self.prior.len())
    }

    /// Whose example it is, and its number there.
    fn place(&self, index: usize) -> (&Directory, usize) {
        let of = if self.keeps(index) { &self.prior } else { &self.learned };
        (of, index % self.half().max(1) % of.len().max(1))
    }
}

impl Examples for WithPrior {
    fn len(&self) -> usize {
        2 * self.half()
    }

    fn size(&self, index: usize) -> (usize, usize) {
        let (of, index) = self.place(index);
        of.size(index)
    }

    fn keeps(&self, index: usize) -> bool {
        index >= self.half()
    }

    fn get(&self, index: usize) -> Result<Example, DrawError> {
        let (of, index) = self.place(index);
        of.get(index)
    }

    fn fingerprint(&self) -> String {
        let both = format!("{} {}", self.learned.fingerprint(), self.prior.fingerprint());
        Sha256::digest(both).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
