//! Pictures that are what they should be are seen as such; the measure of a model is worth no more than this.

use gpu_runner::backend::Rgb;
use starter::draw::{self, SIDE};
use starter::measure::{Verdict, look};
use starter::random::Random;
use starter::scene::{Mix, Part, Scene};

/// Share of scenes of which all is found in their pictures, changed this way.
fn right(scenes: u64, pairs: f32, change: impl Fn(Rgb, u64) -> Rgb + Sync) -> f64 {
    let one = |seed: u64| {
        let scene = Scene::sample(seed, Mix { part: Part::Training, pairs });
        let seen = look(&change(draw::scene(&scene, SIDE), seed));
        let verdict = Verdict::of(seen.as_ref(), &scene);
        if !verdict.all() {
            eprintln!("{scene:?}\n  seen as {seen:?}");
        }
        usize::from(verdict.all())
    };
    (0..scenes).map(one).sum::<usize>() as f64 / scenes as f64
}

fn blurred(rgb: &Rgb) -> Rgb {
    let side = rgb.width as usize;
    let at = |x: usize, y: usize, c: usize| f32::from(rgb.bytes[3 * (y * side + x) + c]);
    let near = |i: usize| [(i.saturating_sub(1), 1.0), (i, 2.0), ((i + 1).min(side - 1), 1.0)];
    let value = |i: usize| {
        let (x, y, c) = (i / 3 % side, i / 3 / side, i % 3);
        let sum: f32 = near(y).iter().flat_map(|(v, a)| near(x).map(|(u, b)| a * b * at(u, *v, c))).sum();
        (sum / 16.0).round() as u8
    };
    Rgb { bytes: (0..rgb.bytes.len()).map(value).collect(), ..*rgb }
}

/// Of standard deviation 0.05 where a value goes from 0 to 1.
fn noisy(rgb: &Rgb, seed: u64) -> Rgb {
    let mut random = Random::new(seed, 9);
    // The sum of twelve is as good as normal.
    let mut normal = move || (0..12).map(|_| random.unit()).sum::<f32>() - 6.0;
    let bytes = rgb.bytes.iter().map(|value| (f32::from(*value) + 12.75 * normal()).round().clamp(0.0, 255.0) as u8);
    Rgb { bytes: bytes.collect(), ..*rgb }
}

#[test]
fn single_objects_are_seen() {
    let right = right(150, 0.0, |rgb, _| rgb);
    assert!(right >= 0.99, "{right}");
}

#[test]
fn blurred_and_noisy_objects_are_seen() {
    let right = right(100, 0.0, |rgb, seed| noisy(&blurred(&rgb), seed));
    assert!(right >= 0.97, "{right}");
}

#[test]
fn two_objects_are_seen() {
    let right = right(60, 1.0, |rgb, seed| if seed % 2 == 0 { rgb } else { noisy(&blurred(&rgb), seed) });
    assert!(right >= 0.97, "{right}");
}

/// A denoiser makes the night's stars brighter or darker, or puts them elsewhere.
#[test]
fn specks_near_the_corners_hide_nothing() {
    let right = right(80, 0.2, |mut rgb, _| {
        for (left, top) in [(2, 2), (59, 3), (3, 59), (58, 60)] {
            for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let start = 3 * ((top + y) * rgb.width as usize + left + x);
                rgb.bytes[start..start + 3].iter_mut().for_each(|value| *value = 255 - *value);
            }
        }
        rgb
    });
    assert!(right >= 0.97, "{right}");
}

#[test]
fn larger_pictures_are_seen() {
    for seed in 0..10 {
        let scene = Scene::sample(seed, Mix { part: Part::Training, pairs: 0.0 });
        assert!(Verdict::of(look(&draw::scene(&scene, 256)).as_ref(), &scene).all(), "{scene:?}");
    }
}

#[test]
fn what_is_not_there_is_not_seen() {
    let scene = Scene::sample(5, Mix { part: Part::Training, pairs: 0.0 });
    let empty = Scene { objects: Vec::new(), ..scene.clone() };
    let seen = look(&draw::scene(&empty, SIDE)).unwrap();
    assert_eq!((seen.background, seen.objects.len()), (scene.background, 0));
    assert!(look(&Rgb { width: 0, height: 0, bytes: Vec::new() }).is_none());
    // A picture of nothing known still has an answer, and it is far from the picture.
    let mut random = Random::new(1, 1);
    let bytes = (0..3 * 64 * 64).map(|_| random.bits() as u8).collect();
    assert!(look(&Rgb { width: 64, height: 64, bytes }).is_some_and(|seen| seen.distance > 0.2));
}
