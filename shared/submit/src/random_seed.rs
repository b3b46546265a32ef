//! The seed of a task that chose none. It is fixed at submission, so that every attempt has the same.

/// A seed from 0 to `largest`, of 32 random hex digits.
pub(crate) fn random_seed(random: &str, largest: i64) -> u32 {
    let number = random.get(..8).and_then(|hex| i64::from_str_radix(hex, 16).ok()).unwrap_or_default();
    u32::try_from(number % (largest + 1)).unwrap_or_default()
}
