//! The perceptual embedding of images from files: the starter model's, and JPEG of several qualities.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // Tests may panic.

use jpeg_encoder::{ColorType, Encoder};
use similarity::perceptual::embed;
use similarity::vector::dot;

/// Columns of `docs/starter.png`; its images are 128 pixels a side, with 4 between.
const COLUMNS: usize = 6;
const SIDE: usize = 128;

/// Image `number` of the starter model, RGB.
fn starter_images() -> Vec<Vec<u8>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/starter.png");
    let mut reader =
        png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgb);
    let width = info.width as usize;
    assert_eq!((width, info.height as usize), (COLUMNS * 132 - 4, 4 * 132 - 4));
    let image = |number: usize| {
        let (left, top) = (number % COLUMNS * 132, number / COLUMNS * 132);
        let row = |y: usize| pixels[((top + y) * width + left) * 3..][..SIDE * 3].to_vec();
        (0..SIDE).flat_map(row).collect()
    };
    (0..4 * COLUMNS).map(image).collect()
}

fn embedding(rgb: &[u8]) -> Vec<f32> {
    embed(SIDE as u32, SIDE as u32, 3, rgb).unwrap()
}

#[test]
fn starter_images_of_a_kind_are_near() {
    let vectors: Vec<Vec<f32>> = starter_images().iter().map(|image| embedding(image)).collect();
    let ranked = |query: usize| {
        let mut others: Vec<usize> = (0..vectors.len()).filter(|other| *other != query).collect();
        let score = |other: usize| dot(&vectors[query], &vectors[other]);
        others.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
        others
    };
    // Red hearts; black fishes.
    for (a, b) in [(0, 18), (18, 0), (11, 14), (14, 11)] {
        assert_eq!(ranked(a)[0], b, "{a}: {:?}", ranked(a));
    }
    // Of other colours: stars at night, moons at night, boats; the pink cloud's neighbour is the white one.
    for (a, b) in [(6, 16), (16, 6), (1, 23), (23, 1), (2, 8), (8, 2), (20, 5)] {
        assert!(ranked(a)[..3].contains(&b), "{a}: {:?}", ranked(a));
    }
    let (heart, other_heart, boat) = (&vectors[0], &vectors[18], &vectors[2]);
    assert!(dot(heart, other_heart) > dot(heart, boat) + 0.2);
}

#[test]
fn jpeg_keeps_the_embedding() {
    let images = starter_images();
    let vectors: Vec<Vec<f32>> = images.iter().map(|image| embedding(image)).collect();
    let mut lowest = [1f32; 3];
    for (number, image) in images.iter().enumerate() {
        for (lowest, quality) in lowest.iter_mut().zip([95, 75, 40]) {
            let mut file = Vec::new();
            Encoder::new(&mut file, quality).encode(image, SIDE as u16, SIDE as u16, ColorType::Rgb).unwrap();
            let decoded = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(&file)).decode().unwrap();
            let vector = embedding(&decoded);
            let similarity = dot(&vector, &vectors[number]);
            *lowest = lowest.min(similarity);
            for (_, other) in vectors.iter().enumerate().filter(|(other, _)| *other != number) {
                assert!(similarity > dot(&vector, other), "image {number} at quality {quality}");
            }
        }
    }
    println!("lowest cosine at quality 95, 75, 40: {lowest:.4?}");
    assert!(lowest[0] > 0.99 && lowest[1] > 0.98 && lowest[2] > 0.95, "{lowest:?}");
}
