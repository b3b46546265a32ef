//! What people would write to get a scene, in English and Chinese. Every caption says background, colours, kinds and
//! relation; a size or place only where it is not the usual one.

mod chinese;
mod english;

use crate::random::Random;
use crate::scene::Scene;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    /// In simplified characters or traditional ones.
    Chinese,
}

/// The caption of this seed, in either language.
pub fn any(scene: &Scene, seed: u64) -> String {
    let language = if Random::new(seed, 2).chance(0.5) { Language::English } else { Language::Chinese };
    of(scene, language, seed)
}

/// The caption of this seed.
pub fn of(scene: &Scene, language: Language, seed: u64) -> String {
    let mut random = Random::new(seed, 3);
    match language {
        Language::English => english::caption(scene, &mut random),
        Language::Chinese => chinese::caption(scene, &mut random),
    }
}
