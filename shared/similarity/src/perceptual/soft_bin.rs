//! Soft bins: a value between the centres of two bins counts in both, so that a small change is a small change.

/// The two bins around a value, and their shares.
#[derive(Clone, Copy, Debug)]
pub(super) struct SoftBin([(usize, f32); 2]);

impl SoftBin {
    /// Bins of a cyclic value, 0..1 a full turn, over `count` bins; bin 0 is centred on 0.
    pub fn cyclic(turn: f32, count: usize) -> Self {
        let position = turn * count as f32;
        let share = position - position.floor();
        let first = position as usize % count;
        Self([(first, 1.0 - share), ((first + 1) % count, share)])
    }

    /// Bins of a value in 0..=1 over `count` bins; values beyond the outer centres count in the outer bins.
    pub fn clamped(value: f32, count: usize) -> Self {
        let position = (value * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
        let share = position - position.floor();
        let first = position as usize;
        Self([(first, 1.0 - share), ((first + 1).min(count - 1), share)])
    }

    /// Bins of a value over `count` bins on 0..=1; what lies beyond counts nowhere.
    pub fn inside(value: f32, count: usize) -> Self {
        let position = value * count as f32 - 0.5;
        if !(-1.0..count as f32).contains(&position) {
            return Self([(0, 0.0); 2]);
        }
        let share = position - position.floor();
        let bin = |first: f32, share: f32| {
            if first < 0.0 || first >= count as f32 { (0, 0.0) } else { (first as usize, share) }
        };
        Self([bin(position.floor(), 1.0 - share), bin(position.floor() + 1.0, share)])
    }

    /// Combines bins of two values: index `self × count + inner`, shares multiplied.
    pub fn with(self, inner: Self, count: usize) -> [(usize, f32); 4] {
        let [(a, a_share), (b, b_share)] = self.0;
        let [(c, c_share), (d, d_share)] = inner.0;
        [
            (a * count + c, a_share * c_share),
            (a * count + d, a_share * d_share),
            (b * count + c, b_share * c_share),
            (b * count + d, b_share * d_share),
        ]
    }

    /// The two bins.
    pub fn pairs(self) -> [(usize, f32); 2] {
        self.0
    }
}

/// Adds `weight` in shares to a histogram.
pub(super) fn add(histogram: &mut [f32], bins: impl IntoIterator<Item = (usize, f32)>, weight: f32) {
    for (bin, share) in bins {
        if let Some(sum) = histogram.get_mut(bin) {
            *sum += weight * share;
        }
    }
}
