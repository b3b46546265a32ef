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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Layout, Mix, Part};
    use std::collections::HashMap;

    /// What a caption must tell: everything that is not by chance.
    fn told(scene: &Scene) -> String {
        let mut looks: Vec<_> = scene.objects.iter().map(|o| format!("{:?} {:?}", o.colour, o.kind)).collect();
        let mut layout = scene.layout;
        if let Layout::Pair(relation) = layout
            && looks.first() > looks.last()
        {
            looks.reverse();
            layout = Layout::Pair(relation.reversed());
        }
        format!("{:?} {looks:?} {layout:?}", scene.background)
    }

    #[test]
    fn a_caption_tells_its_scene() {
        let mut known: HashMap<String, String> = HashMap::new();
        for seed in 0..20_000 {
            let scene = Scene::sample(seed, Mix { part: Part::Training, pairs: 0.4 });
            let caption = any(&scene, seed);
            let told = told(&scene);
            let before = known.insert(caption.clone(), told.clone());
            assert!(before.as_ref().is_none_or(|before| *before == told), "{caption}: {told} and {before:?}");
        }
        assert!(known.len() > 15_000, "{}", known.len());
    }

    #[test]
    fn the_seed_gives_the_caption() {
        let scene = Scene::sample(3, Mix { part: Part::Training, pairs: 0.0 });
        for language in [Language::English, Language::Chinese] {
            let all: std::collections::HashSet<_> = (0..200).map(|seed| of(&scene, language, seed)).collect();
            assert!(all.len() > 10, "{all:?}");
            assert!(all.iter().all(|caption| caption.is_ascii() == (language == Language::English)), "{all:?}");
            assert_eq!(of(&scene, language, 5), of(&scene, language, 5));
        }
    }
}
