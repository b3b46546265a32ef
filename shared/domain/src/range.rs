//! Ranges of numbers, as limits of fields.

use crate::phrases;
use crate::text::Phrase;

/// Whole numbers from `min` to `max` that are multiples of `step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntRange {
    /// Smallest.
    pub min: i64,
    /// Largest.
    pub max: i64,
    /// 1 for every whole number.
    pub step: i64,
}

impl IntRange {
    /// Every whole number from `min` to `max`.
    pub const fn new(min: i64, max: i64) -> IntRange {
        IntRange { min, max, step: 1 }
    }

    /// True for a number in the range.
    pub fn contains(&self, n: i64) -> bool {
        (self.min..=self.max).contains(&n) && n % self.step == 0
    }

    /// To finish the sentence "{field} must be …".
    pub fn phrase(&self) -> Phrase {
        match self.step {
            1 => phrases::WHOLE_NUMBER.with([self.min, self.max]),
            step => phrases::MULTIPLE.with([self.min, self.max, step]),
        }
    }
}

/// Numbers from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberRange {
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl NumberRange {
    /// True for a number in the range, and not for NaN.
    pub fn contains(&self, x: f64) -> bool {
        (self.min..=self.max).contains(&x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Lang};

    #[test]
    fn ranges_contain_their_ends() {
        let sides = IntRange { min: 64, max: 128, step: 8 };
        assert_eq!([63, 64, 65, 72, 128, 136].map(|n| sides.contains(n)), [false, true, false, true, true, false]);
        let share = NumberRange { min: 0.0, max: 1.0 };
        assert_eq!([0.0, 1.0, 1.1, f64::NAN].map(|x| share.contains(x)), [true, true, false, false]);
    }

    #[test]
    fn phrases_name_the_ends() {
        let text = |range: IntRange| Error::invalid("n", range.phrase()).text(Lang::En);
        assert_eq!(text(IntRange::new(1, 8)), "n must be a whole number from 1 to 8.");
        assert_eq!(text(IntRange { min: 8, max: 64, step: 8 }), "n must be a multiple of 8 from 8 to 64.");
    }
}
