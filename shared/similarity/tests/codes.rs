//! Codes, vectors, re-ranking and preferences: angles, determinism, order, limits.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // Tests may panic.

use similarity::codes::{Code, Encoder, Mean};
use similarity::index::Index;
use similarity::preference::{Preference, Signal};
use similarity::rerank::{Scored, merge, rerank};
use similarity::vector::{Quantized, dot, from_bytes, normalize, quantize, to_bytes};
use similarity::{Error, MAX_DIM};

/// Uniform numbers in −1..1 from a linear congruential generator (D. E. Knuth's MMIX).
fn random_vector(seed: &mut u64, dim: usize) -> Vec<f32> {
    let mut next = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 40) as f32 / 8_388_608.0 - 1.0
    };
    let mut vector: Vec<f32> = (0..dim).map(|_| next()).collect();
    normalize(&mut vector).unwrap();
    vector
}

#[test]
fn distances_follow_the_angle_at_every_dimension() {
    let mut seed = 1;
    for dim in [3, 64, 256, 512, 768, 1024] {
        let encoder = Encoder::new(vec![0.0; dim]).unwrap();
        for share in [0.05f32, 0.3, 0.6, 1.0] {
            let (mut worst, mut total) = (0f32, 0f32);
            for _ in 0..40 {
                let (a, other) = (random_vector(&mut seed, dim), random_vector(&mut seed, dim));
                let mut b: Vec<f32> = a.iter().zip(&other).map(|(a, o)| a * (1.0 - share) + o * share).collect();
                normalize(&mut b).unwrap();
                let expected = 512.0 * dot(&a, &b).clamp(-1.0, 1.0).acos() / std::f32::consts::PI;
                let found = encoder.encode(&a).unwrap().distance(&encoder.encode(&b).unwrap()) as f32;
                worst = worst.max((found - expected).abs());
                total += found - expected;
            }
            // 512 independent bits have a standard deviation of at most 11.3.
            assert!(worst < 50.0 && (total / 40.0).abs() < 6.0, "{dim} {share}: {worst} {total}");
        }
    }
}

#[test]
fn codes_never_change() {
    let vector: Vec<f32> = (0..768).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect();
    let encoder = Encoder::new(vec![0.125; 768]).unwrap();
    let code = encoder.encode(&vector).unwrap();
    assert_eq!(Code::from_bytes(&code.to_bytes()), Ok(code));
    let folded = code.0.iter().fold(0u64, |folded, word| folded.rotate_left(7) ^ word);
    // Stored codes depend on these numbers: a change needs another CODES_VERSION.
    assert_eq!((folded, encoder.fingerprint()), (5_636_354_821_486_938_004, 5_959_644_991_118_011_265));
}

#[test]
fn encoders_of_another_mean_have_another_fingerprint() {
    let fingerprint = |mean: Vec<f32>| Encoder::new(mean).unwrap().fingerprint();
    assert_ne!(fingerprint(vec![0.0; 8]), fingerprint(vec![0.0; 9]));
    assert_ne!(fingerprint(vec![0.0, 1.0]), fingerprint(vec![1.0, 0.0]));
}

#[test]
fn a_mean_spreads_the_codes_of_a_narrow_cone() {
    let mut seed = 5;
    let axis = random_vector(&mut seed, 256);
    let mut cone = || -> Vec<f32> {
        let mut vector: Vec<f32> = random_vector(&mut seed, 256).iter().zip(&axis).map(|(x, a)| x * 0.3 + a).collect();
        normalize(&mut vector).unwrap();
        vector
    };
    let vectors: Vec<Vec<f32>> = (0..200).map(|_| cone()).collect();
    let mut mean = Mean::new(256);
    vectors.iter().for_each(|vector| mean.add(vector).unwrap());
    assert_eq!(mean.count(), 200);
    let spread = |mean: Vec<f32>| {
        let encoder = Encoder::new(mean).unwrap();
        let codes: Vec<Code> = vectors.iter().map(|vector| encoder.encode(vector).unwrap()).collect();
        codes.windows(2).map(|pair| pair[0].distance(&pair[1])).sum::<u32>() / 199
    };
    assert!(spread(vec![0.0; 256]) < 90 && spread(mean.to_vec()) > 240);
}

#[test]
fn vectors_out_of_range_are_refused() {
    let encoder = Encoder::new(vec![0.0; 4]).unwrap();
    assert_eq!(encoder.encode(&[0.0; 3]), Err(Error::Dimension { found: 3, expected: 4 }));
    assert_eq!(encoder.encode(&[0.0, f32::NAN, 0.0, 0.0]), Err(Error::NotFinite));
    assert!(Encoder::new(vec![]).is_err() && Encoder::new(vec![0.0; MAX_DIM + 1]).is_err());
    assert_eq!(normalize(&mut [0.0; 3]), Err(Error::NoDirection));
    assert_eq!(normalize(&mut [f32::INFINITY, 0.0]), Err(Error::NotFinite));
    assert_eq!(from_bytes(&[0; 5]), Err(Error::Corrupt));
    assert_eq!(from_bytes(&to_bytes(&[1.0, -2.5])), Ok(vec![1.0, -2.5]));
    assert_eq!(Quantized::new(&[0; 3]).err(), Some(Error::Corrupt));
    assert_eq!(Quantized::new(&to_bytes(&[f32::NAN, 1.0])).err(), Some(Error::NotFinite));
    assert!(quantize(&[f32::NAN]).is_err());
}

#[test]
fn quantised_vectors_are_within_half_a_step() {
    let mut seed = 9;
    for dim in [1, 7, 8, 100, 768, 1024] {
        let (vector, query) = (random_vector(&mut seed, dim), random_vector(&mut seed, dim));
        let bytes = quantize(&vector).unwrap();
        let quantized = Quantized::new(&bytes).unwrap();
        assert_eq!((bytes.len(), quantized.dim()), (4 + dim, dim));
        let step = vector.iter().fold(0f32, |largest, x| largest.max(x.abs())) / 127.0;
        for (x, y) in vector.iter().zip(quantized.to_vec()) {
            assert!((x - y).abs() <= step * 0.5001);
        }
        assert!((quantized.dot(&query) - dot(&quantized.to_vec(), &query)).abs() < 1e-5);
    }
    let tiny = quantize(&[f32::MIN_POSITIVE, 0.0]).unwrap();
    assert!(Quantized::new(&tiny).unwrap().dot(&[1.0, 1.0]).abs() < 1e-30);
    assert_eq!(Quantized::new(&quantize(&[0.0; 3]).unwrap()).unwrap().to_vec(), [0.0; 3]);
}

#[test]
fn reranking_agrees_with_a_full_sort_and_breaks_ties_by_id() {
    let mut seed = 11;
    let query = random_vector(&mut seed, 33);
    // Every vector twice, so that each score is a tie.
    let vectors: Vec<Vec<f32>> = (0..100).map(|_| random_vector(&mut seed, 33)).collect();
    let rows: Vec<(u64, &[f32])> = (0..200).map(|id| (id, &vectors[id as usize % 100][..])).collect();
    let naive = |v: &[f32]| v.iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let mut expected: Vec<(u64, f64)> = rows.iter().map(|(id, vector)| (*id, naive(vector))).collect();
    expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
    let found = rerank(&query, rows.iter().copied(), 50).unwrap();
    assert_eq!(found.iter().map(|s| s.id).collect::<Vec<_>>(), expected[..50].iter().map(|s| s.0).collect::<Vec<_>>());
    let halves = rows.chunks(77).map(|rows| rerank(&query, rows.iter().copied(), 50).unwrap());
    assert_eq!(merge(halves, 50), found);
    let nan = [f32::NAN; 33];
    let last = rerank(&query, [(5, &nan[..]), (1, rows[0].1)], 2).unwrap();
    assert_eq!(last[1], Scored { id: 5, score: f32::NEG_INFINITY });
    assert!(rerank(&query, [(1, &nan[..3])], 2).is_err() && rerank(&nan, [(1, &nan[..])], 2).is_err());
}

#[test]
fn preferences_point_to_what_was_liked_most_and_lately() {
    let (x, y) = ([1.0, 0.0], [0.0, 1.0]);
    let mut preference = Preference::new(2);
    preference.add(&x, Signal::Liked, 1.0).unwrap();
    preference.add(&y, Signal::Viewed, 1.0).unwrap();
    let vector = preference.to_vec().unwrap();
    assert!((dot(&vector, &vector) - 1.0).abs() < 1e-6 && dot(&vector, &x) > 0.9);
    preference.add(&y, Signal::Curated, 1.0).unwrap();
    let vector = preference.to_vec().unwrap();
    assert!(dot(&vector, &y) > dot(&vector, &x));
    let mut aged = Preference::new(2);
    aged.add(&x, Signal::Liked, 0.1).unwrap();
    aged.add(&y, Signal::Liked, 1.0).unwrap();
    assert!(aged.to_vec().unwrap()[1] > 0.99);
}

#[test]
fn preferences_without_a_direction_are_none() {
    let mut preference = Preference::new(2);
    assert_eq!(preference.to_vec(), None);
    preference.add(&[1.0, 0.0], Signal::Liked, 0.0).unwrap();
    assert_eq!(preference.to_vec(), None, "without weight");
    preference.add(&[0.6, 0.8], Signal::Liked, 1.0).unwrap();
    preference.add(&[-0.6, -0.8], Signal::Liked, 1.0).unwrap();
    assert_eq!(preference.to_vec(), None, "canceled");
    assert_eq!(preference.add(&[1.0], Signal::Liked, 1.0), Err(Error::Dimension { found: 1, expected: 2 }));
    assert_eq!(preference.add(&[1.0, 0.0], Signal::Liked, f32::NAN), Err(Error::NotFinite));
    preference.add(&[1.0, 0.0], Signal::Viewed, 7.0).unwrap();
    assert_eq!(preference.to_vec(), Some(vec![1.0, 0.0]));
}

#[test]
fn refining_adds_up_the_query_at_the_bits_of_each_code() {
    let mut seed = 21;
    let encoder = Encoder::new(random_vector(&mut seed, 300)).unwrap();
    let vectors: Vec<Vec<f32>> = (0..400).map(|_| random_vector(&mut seed, 300)).collect();
    let query_vector = random_vector(&mut seed, 300);
    let query = encoder.query(&query_vector).unwrap();
    assert_eq!(*query.code(), encoder.encode(&query_vector).unwrap());
    // Codes of one bit give the single numbers, whose signs are those of the query's code.
    let bit = |i: usize| Code(std::array::from_fn(|word| u64::from(word == i / 64) << (i % 64)));
    let numbers: Vec<f32> = (0..512).map(|i| query.score(&bit(i))).collect();
    for (i, number) in numbers.iter().enumerate() {
        assert_eq!(*number > 0.0, query.code().0[i / 64] >> (i % 64) & 1 == 1);
    }
    let mut index = Index::new(&encoder);
    for (id, vector) in (0..).zip(&vectors) {
        index.insert(id, encoder.encode(vector).unwrap()).unwrap();
    }
    let slow = |code: &Code| -> f64 {
        let bits = (0..512).filter(|i| code.0[i / 64] >> (i % 64) & 1 == 1);
        bits.map(|i| f64::from(numbers[i])).sum()
    };
    let hits = index.search(query.code(), 100, |_| true);
    let mut expected: Vec<(f64, u64)> = hits.iter().map(|hit| (slow(index.get(hit.id).unwrap()), hit.id)).collect();
    expected.sort_by(|a, b| b.0.total_cmp(&a.0));
    let refined = index.refine(&query, &hits, 30);
    assert_eq!(refined.len(), 30);
    for (found, (score, id)) in refined.iter().zip(expected) {
        assert_eq!(found.id, id);
        assert!((f64::from(found.score) - score).abs() < 1e-3 * score.abs());
    }
    index.remove(refined[0].id);
    assert_eq!(index.refine(&query, &hits, 100).len(), 99, "removed rows are left out");
}
