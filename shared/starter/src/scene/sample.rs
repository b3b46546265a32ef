//! Scenes by number.

use super::{Background, Colour, Kind, Layout, Object, Place, Relation, Scene, Size};
use crate::random::Random;

/// Which combinations of background, colour and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those that are learnt from.
    Training,
    /// Those that are kept for measuring: all objects are of such a combination.
    HeldOut,
}

/// What share of scenes is of which sort.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    pub part: Part,
    /// Of those with two objects, 0 to 1.
    pub pairs: f32,
}

/// Of scenes whose background is scenic.
const SCENIC: f32 = 0.4;
/// Of single objects that are where the caption need not say.
const CENTRE: f32 = 0.6;
/// Of single objects whose size the caption need not say.
const NORMAL: f32 = 0.6;
/// Share of the side by which an object may be off its place, each way.
const OFF: f32 = 0.03;
/// How much larger or smaller than its size says an object may be.
const STRETCH: f32 = 0.04;
/// Of each of two objects.
const PAIRED: f32 = 0.42;
/// From the edge to the centre of each.
const APART: f32 = 0.27;

impl Scene {
    /// The same seed and mix give the same scene.
    pub fn sample(seed: u64, mix: Mix) -> Self {
        let mut random = Random::new(seed, 1);
        // Before anything is thrown away: more pairs are than single objects.
        let pair = random.chance(mix.pairs);
        loop {
            let scene = any(&mut random, pair);
            let fits = match mix.part {
                Part::Training => !scene.held_out(),
                Part::HeldOut => {
                    scene.objects.iter().all(|object| super::is_held_out(scene.background, object.colour, object.kind))
                }
            };
            if fits {
                return scene;
            }
        }
    }
}

fn any(random: &mut Random, pair: bool) -> Scene {
    let background = if random.chance(SCENIC) {
        random.one(&Background::SCENIC)
    } else {
        Background::Plain(random.one(&Colour::ALL))
    };
    if pair { two(random, background) } else { single(random, background) }
}

fn single(random: &mut Random, background: Background) -> Scene {
    let size = if random.chance(NORMAL) { Size::Normal } else { random.one(&[Size::Small, Size::Large]) };
    // What is large fills the middle wherever it is.
    let aside = size != Size::Large && !random.chance(CENTRE);
    let place = if aside { random.one(&Place::ASIDE) } else { Place::Centre };
    let (kind, colour) = looks(random, background);
    let object = placed(random, kind, colour, size.side(), place.centre());
    Scene { background, objects: vec![object], layout: Layout::Single { size, place } }
}

fn two(random: &mut Random, background: Background) -> Scene {
    let relation = random.one(&Relation::ALL);
    let (first, second) = match relation {
        Relation::LeftOf => ((APART, 0.5), (1.0 - APART, 0.5)),
        Relation::RightOf => ((1.0 - APART, 0.5), (APART, 0.5)),
        Relation::Above => ((0.5, APART), (0.5, 1.0 - APART)),
        Relation::Below => ((0.5, 1.0 - APART), (0.5, APART)),
    };
    let one = looks(random, background);
    // Of two that look the same nobody could say which is which.
    let other = std::iter::repeat_with(|| looks(random, background)).find(|other| *other != one).unwrap_or(one);
    let objects = [(one, first), (other, second)];
    let objects = objects.map(|((kind, colour), centre)| placed(random, kind, colour, PAIRED, centre));
    Scene { background, objects: objects.to_vec(), layout: Layout::Pair(relation) }
}

fn looks(random: &mut Random, background: Background) -> (Kind, Colour) {
    let kind = random.one(&Kind::ALL);
    loop {
        let colour = random.one(&Colour::ALL);
        if background.shows(colour) {
            return (kind, colour);
        }
    }
}

fn placed(random: &mut Random, kind: Kind, colour: Colour, size: f32, (x, y): (f32, f32)) -> Object {
    let size = size * (1.0 + STRETCH * random.around());
    Object { kind, colour, size, x: x + OFF * random.around(), y: y + OFF * random.around() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const TRAINING: Mix = Mix { part: Part::Training, pairs: 0.3 };

    #[test]
    fn the_number_gives_the_scene() {
        assert_eq!(Scene::sample(7, TRAINING), Scene::sample(7, TRAINING));
        assert_ne!(Scene::sample(7, TRAINING), Scene::sample(8, TRAINING));
        let pairs = (0..2000).filter(|seed| Scene::sample(*seed, TRAINING).objects.len() == 2).count();
        assert!((550..=650).contains(&pairs), "{pairs}");
    }

    #[test]
    fn held_out_combinations_are_few_and_never_learnt() {
        let all = Background::all().flat_map(|b| Colour::ALL.map(|c| (b, c))).filter(|(b, c)| b.shows(*c));
        let all: Vec<_> = all.flat_map(|(b, c)| Kind::ALL.map(|k| (b, c, k))).collect();
        let held: HashSet<_> = all.iter().filter(|(b, c, k)| super::super::is_held_out(*b, *c, *k)).collect();
        let share = held.len() as f64 / all.len() as f64;
        assert!((0.06..0.10).contains(&share), "{share}");
        // Nothing is known from held-out pictures alone.
        assert!(Kind::ALL.iter().all(|kind| held.iter().any(|(.., k)| k == kind)));
        assert!(Colour::ALL.iter().all(|colour| held.iter().any(|(_, c, _)| c == colour)));
        for seed in 0..3000 {
            assert!(!Scene::sample(seed, TRAINING).held_out());
        }
        for seed in 0..100 {
            let pair = seed % 2 == 0;
            let scene = Scene::sample(seed, Mix { part: Part::HeldOut, pairs: if pair { 1.0 } else { 0.0 } });
            assert_eq!(scene.objects.len(), 1 + usize::from(pair));
            assert!(scene.objects.iter().all(|o| held.contains(&(scene.background, o.colour, o.kind))));
        }
    }

    #[test]
    fn objects_are_inside_and_apart() {
        for seed in 0..2000 {
            let scene = Scene::sample(seed, Mix { part: Part::Training, pairs: 0.5 });
            for o in &scene.objects {
                let half = o.size / 2.0;
                let inside = |centre: f32| centre - half >= 0.0 && centre + half <= 1.0;
                assert!(inside(o.x) && inside(o.y), "{scene:?}");
                assert!(scene.background.shows(o.colour));
            }
            if let ([one, other], Layout::Pair(relation)) = (&scene.objects[..], scene.layout) {
                assert_eq!(Relation::between((one.x, one.y), (other.x, other.y)), relation);
                assert_ne!((one.kind, one.colour), (other.kind, other.colour));
            }
        }
    }
}
