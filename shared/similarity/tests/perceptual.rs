//! The perceptual embedding: retrieval among drawn scenes, stability under edits, input forms.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // Tests may panic.

#[path = "support/scene.rs"]
mod scene;

use scene::{BACKGROUNDS, COLOURS, KINDS, Random, Scene};
use similarity::Error;
use similarity::perceptual::{DIM, MAX_SIDE, Rows, embed};
use similarity::vector::dot;

/// Side of scenes in pixels.
const SIDE: usize = 96;

/// Side of scenes that are edited.
const LARGE: usize = 128;

fn embedding_of(rgb: &[u8], side: usize) -> Vec<f32> {
    embed(side as u32, side as u32, 3, rgb).unwrap()
}

fn embedding(scene: &Scene) -> Vec<f32> {
    embedding_of(&scene.draw(SIDE), SIDE)
}

/// Kinds and colours of scenes, with embeddings: every kind and colour, several times, backgrounds in turn.
fn scenes(repeats: usize) -> Vec<(usize, usize, Vec<f32>)> {
    let mut random = Random(7);
    let mut scenes = Vec::new();
    for number in 0..KINDS.len() * COLOURS.len() * repeats {
        let (kind, colour) = (number % KINDS.len(), number / KINDS.len() % COLOURS.len());
        let background = random.next() as usize % BACKGROUNDS.len();
        let scene = Scene::random(kind, colour, background, &mut random);
        scenes.push((kind, colour, embedding(&scene)));
    }
    scenes
}

#[test]
fn neighbours_are_of_the_same_kind_and_colour() {
    let scenes = scenes(10);
    let (mut kinds, mut colours, mut both) = (0, 0, 0);
    for (number, (kind, colour, query)) in scenes.iter().enumerate() {
        let others = (0..scenes.len()).filter(|other| *other != number);
        let mut others: Vec<(f32, usize)> = others.map(|other| (dot(query, &scenes[other].2), other)).collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, other) in &others[..5] {
            let (is_kind, is_colour) = (scenes[*other].0 == *kind, scenes[*other].1 == *colour);
            kinds += usize::from(is_kind);
            colours += usize::from(is_colour);
            both += usize::from(is_kind && is_colour);
        }
    }
    let share = |count: usize| count as f32 / (5 * scenes.len()) as f32;
    println!("precision@5: kind {:.3}, colour {:.3}, both {:.3}", share(kinds), share(colours), share(both));
    // By chance: kind 0.125, colour 0.167, both 0.02.
    assert!(share(kinds) > 0.8 && share(colours) > 0.95 && share(both) > 0.8);
}

#[test]
fn two_hearts_of_a_colour_are_nearer_than_a_heart_and_a_boat() {
    let mut random = Random(3);
    let (heart, boat) = (4, 5);
    assert_eq!((KINDS[heart], KINDS[boat]), ("heart", "boat"));
    let (mut right, mut total) = (0, 0);
    for round in 0..64 {
        let colour = round % COLOURS.len();
        let other_colour = if round % 2 == 0 { colour } else { random.next() as usize % COLOURS.len() };
        let mut background = || random.next() as usize % BACKGROUNDS.len();
        // The boat has the first heart's background half of the time.
        let first = background();
        let (second, third) = (background(), if round % 4 < 2 { first } else { background() });
        let a = embedding(&Scene::random(heart, colour, first, &mut random));
        let b = embedding(&Scene::random(heart, colour, second, &mut random));
        let c = embedding(&Scene::random(boat, other_colour, third, &mut random));
        right += usize::from(dot(&a, &b) > dot(&a, &c));
        total += 1;
        if first == second {
            assert!(dot(&a, &b) > dot(&a, &c), "round {round}");
        }
    }
    println!("hearts are nearer in {right} of {total}");
    assert!(right as f32 > 0.9 * total as f32, "{right} of {total}");
}

/// Square cut out of RGB pixels.
fn crop(pixels: &[u8], left: usize, top: usize, side: usize) -> Vec<u8> {
    let rows = pixels.chunks(LARGE * 3).skip(top).take(side);
    rows.flat_map(|row| row[left * 3..(left + side) * 3].to_vec()).collect()
}

#[test]
fn edited_images_stay_nearer_than_any_of_another_kind_or_colour() {
    let mut random = Random(11);
    let all = scenes(2);
    let mut lowest = [1f32; 5];
    for number in 0..32 {
        let scene = Scene::random(number % 8, number / 8, number % 4, &mut random);
        let pixels = scene.draw(LARGE);
        let original = embedding_of(&pixels, LARGE);
        let brighter: Vec<u8> = pixels.iter().map(|x| (f32::from(*x) * 1.12 + 4.0).min(255.0) as u8).collect();
        let noisy: Vec<u8> = pixels.iter().map(|x| x.saturating_add_signed((random.next() % 9) as i8 - 4)).collect();
        let edits = [
            (64, scene.draw(64)),
            (256, scene.draw(256)),
            (118, crop(&pixels, 6, 4, 118)),
            (LARGE, brighter),
            (LARGE, noisy),
        ];
        let others = all.iter().filter(|other| (other.0, other.1) != (number % 8, number / 8));
        let nearest_other = others.map(|other| dot(&original, &other.2)).fold(0f32, f32::max);
        for (lowest, (side, edit)) in lowest.iter_mut().zip(edits) {
            let similarity = dot(&original, &embedding_of(&edit, side));
            *lowest = lowest.min(similarity);
            assert!(similarity > nearest_other, "{scene:?} at {side}: {similarity}, but {nearest_other}");
        }
    }
    println!("lowest cosine: half, double, crop, brighter, noise {lowest:.4?}");
    let [half, larger, cropped, brighter, noisy] = lowest;
    assert!(half > 0.99 && larger > 0.99 && cropped > 0.9 && brighter > 0.9 && noisy > 0.98, "{lowest:?}");
}

#[test]
fn embeddings_have_unit_length_for_any_size_and_content() {
    let mut random = Random(5);
    for (width, height) in [(1, 1), (1, 200), (3, 2), (63, 65), (64, 64), (1000, 7), (129, 256)] {
        for channels in 1..=4u8 {
            let length = width * height * usize::from(channels);
            let noise: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
            for pixels in [vec![0; length], vec![255; length], vec![128; length], noise] {
                let vector = embed(width as u32, height as u32, channels, &pixels).unwrap();
                assert_eq!(vector.len(), DIM);
                assert!((dot(&vector, &vector) - 1.0).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn channels_and_alpha_mean_what_they_say() {
    let scene = Scene { kind: 4, rgb: [200, 30, 40], background: 0, x: 0.5, y: 0.5, radius: 0.3 };
    let rgb = scene.draw(90);
    let rgba: Vec<u8> = rgb.chunks(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let expected = embed(90, 90, 3, &rgb).unwrap();
    assert_eq!(embed(90, 90, 4, &rgba).unwrap(), expected);
    let grey: Vec<u8> = rgb.chunks(3).map(|p| p[1]).collect();
    let grey_rgb: Vec<u8> = grey.iter().flat_map(|x| [*x; 3]).collect();
    assert_eq!(embed(90, 90, 1, &grey).unwrap(), embed(90, 90, 3, &grey_rgb).unwrap());
    let clear: Vec<u8> = rgb.chunks(3).flat_map(|p| [p[0], p[1], p[2], 0]).collect();
    let grey_clear: Vec<u8> = grey.iter().flat_map(|x| [*x, 0]).collect();
    let white = embed(1, 1, 1, &[255]).unwrap();
    for vector in [embed(90, 90, 4, &clear).unwrap(), embed(90, 90, 2, &grey_clear).unwrap()] {
        assert!(dot(&vector, &white) > 0.9999);
    }
}

#[test]
fn pixels_that_do_not_fit_are_refused() {
    assert_eq!(embed(0, 1, 3, &[]), Err(Error::Pixels));
    assert_eq!(embed(1, MAX_SIDE + 1, 3, &[]), Err(Error::Pixels));
    assert_eq!(embed(1, 1, 5, &[0; 5]), Err(Error::Pixels));
    assert_eq!(embed(2, 2, 3, &[0; 11]), Err(Error::Pixels));
    assert_eq!(embed(2, 2, 3, &[0; 18]), Err(Error::Pixels));
    let mut rows = Rows::new(2, 2, 1).unwrap();
    rows.push(&[0, 1]).unwrap();
    assert_eq!(rows.clone().finish(), Err(Error::Pixels));
    rows.push(&[2, 3]).unwrap();
    assert_eq!(rows.clone().push(&[4, 5]), Err(Error::Pixels));
    assert_eq!(rows.finish(), embed(2, 2, 1, &[0, 1, 2, 3]));
}

#[test]
fn embeddings_never_change() {
    let pixels: Vec<u8> = (0..100 * 80 * 3).map(|i| (i * i / 7 % 256) as u8).collect();
    let vector = embed(100, 80, 3, &pixels).unwrap();
    let folded = vector.iter().fold(0u64, |folded, x| folded.rotate_left(7) ^ u64::from(x.to_bits()));
    // Stored embeddings depend on these bits, on every platform: a change needs another PERCEPTUAL_VERSION.
    assert_eq!(folded, 17_494_912_934_451_897_043);
}
