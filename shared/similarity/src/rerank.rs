//! Re-ranking: orders candidates by the exact dot product of full vectors. Must not know how they were found.

use crate::{Error, vector};

/// Candidate after re-ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Id of the row.
    pub id: u64,
    /// Dot product with the query; the cosine for unit vectors.
    pub score: f32,
}

/// Stored vector that can be compared with a query.
pub trait Stored {
    /// Dimension of the vector.
    fn dim(&self) -> usize;

    /// Dot product with a query of this dimension.
    fn dot(&self, query: &[f32]) -> f32;
}

impl Stored for &[f32] {
    fn dim(&self) -> usize {
        self.len()
    }

    fn dot(&self, query: &[f32]) -> f32 {
        vector::dot(self, query)
    }
}

impl Stored for vector::Quantized<'_> {
    fn dim(&self) -> usize {
        self.dim()
    }

    fn dot(&self, query: &[f32]) -> f32 {
        self.dot(query)
    }
}

/// The `k` candidates with the largest dot product, descending; equal scores by id descending.
///
/// A candidate with NaN in its vector comes last.
///
/// # Errors
/// [`Error::Dimension`] when a candidate has another dimension than the query; [`Error::NotFinite`] for the query.
pub fn rerank<V: Stored>(
    query: &[f32],
    candidates: impl IntoIterator<Item = (u64, V)>,
    k: usize,
) -> Result<Vec<Scored>, Error> {
    vector::check(query)?;
    let score = |(id, stored): (u64, V)| {
        if stored.dim() != query.len() {
            return Err(Error::Dimension { found: stored.dim(), expected: query.len() });
        }
        let score = stored.dot(query);
        Ok(Scored { id, score: if score.is_nan() { f32::NEG_INFINITY } else { score } })
    };
    let mut scored = candidates.into_iter().map(score).collect::<Result<Vec<_>, _>>()?;
    scored.sort_unstable_by(order);
    scored.truncate(k);
    Ok(scored)
}

/// Merges re-ranked results of shards into the `k` best of all.
pub fn merge(shards: impl IntoIterator<Item = impl IntoIterator<Item = Scored>>, k: usize) -> Vec<Scored> {
    let mut scored: Vec<Scored> = shards.into_iter().flatten().collect();
    scored.sort_unstable_by(order);
    scored.truncate(k);
    scored
}

/// Order of results: score descending (0 and −0 are equal), then id descending.
fn order(a: &Scored, b: &Scored) -> std::cmp::Ordering {
    (b.score + 0.0).total_cmp(&(a.score + 0.0)).then(b.id.cmp(&a.id))
}
