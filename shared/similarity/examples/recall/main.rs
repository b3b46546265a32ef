//! Measures recall@20 and time of search and re-ranking against exact search, on one core, over synthetic embeddings.
//!
//! `cargo run --release -p similarity --example recall -- --rows 1000000`; options `--dim 512`, `--queries 200`,
//! `--cluster 500`, `--data cone`, `flat` or `scenes`.
//!
//! A search takes the nearest 8,000 by Hamming distance, refines them to the candidates by asymmetric distance, and
//! re-ranks these by full vectors. Plain is the recall without refining.
//!
//! | data | embeddings |
//! |---|---|
//! | `cone` | like CLIP's: a common mean, clusters of rows, variance that falls with the dimension |
//! | `flat` | clusters of rows around centres, the same variance in every dimension |
//! | `scenes` | perceptual embeddings of drawn scenes, 256 numbers; a millisecond each, so for 100,000 rows at most |
//!
//! Queries are new members of clusters, never rows. The mean for centring is taken from the first 10,000 rows.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // A program for people may panic.

mod data;

use std::time::{Duration, Instant};

use data::Data;
use similarity::codes::{Encoder, Mean};
use similarity::index::Index;
use similarity::rerank::{Scored, rerank};
use similarity::vector::{Quantized, dot, quantize};

/// Results compared.
const K: usize = 20;

/// Numbers of candidates that are tried.
const CANDIDATES: [usize; 8] = [20, 50, 100, 200, 400, 800, 1_600, 3_200];

/// Hits by Hamming distance that are refined to the candidates.
const WIDE: usize = 8_000;

/// Bars: recall@20, and time of search and re-ranking at a million rows.
const BARS: (f64, Duration) = (0.95, Duration::from_millis(50));

struct Options {
    rows: u64,
    dim: usize,
    queries: u64,
    data: String,
    /// Mean rows of a cluster.
    cluster: u64,
}

impl Options {
    fn parse() -> Self {
        let mut options = Self { rows: 1_000_000, dim: 512, queries: 200, data: "cone".into(), cluster: 500 };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let value = words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--rows" => options.rows = value.parse().expect("--rows is a number"),
                "--dim" => options.dim = value.parse().expect("--dim is a number"),
                "--queries" => options.queries = value.parse().expect("--queries is a number"),
                "--cluster" => options.cluster = value.parse().expect("--cluster is a number"),
                "--data" => options.data = value,
                _ => panic!("unknown option {word}"),
            }
        }
        options
    }
}

/// Keeps the best of an exact search.
fn keep(best: &mut Vec<Scored>, scored: Scored) {
    if best.len() < K || best.last().is_some_and(|worst| scored.score > worst.score) {
        let place = best.partition_point(|other| other.score >= scored.score);
        best.insert(place, scored);
        best.truncate(K);
    }
}

/// Share of the exact results that were found.
fn recall(exact: &[Scored], found: &[Scored]) -> f64 {
    exact.iter().filter(|exact| found.iter().any(|found| found.id == exact.id)).count() as f64 / exact.len() as f64
}

/// The median of durations.
fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations[durations.len() / 2]
}

fn main() {
    let mut options = Options::parse();
    let data = Data::new(&mut options);
    let Options { rows, dim, queries, data: name, cluster } = &options;
    println!("{rows} rows of {dim} numbers, data {name}, clusters of {cluster}, {queries} queries");

    let mut mean = Mean::new(options.dim);
    (0..options.rows.min(10_000)).for_each(|id| mean.add(&data.embedding(id)).expect("an embedding"));
    let encoder = Encoder::new(mean.to_vec()).expect("a mean");
    let queries: Vec<Vec<f32>> = (0..options.queries).map(|query| data.embedding(1 << 40 | query)).collect();

    let mut index = Index::new(&encoder);
    let mut quantized: Vec<u8> = Vec::with_capacity(options.rows as usize * (4 + options.dim));
    let mut exact: Vec<Vec<Scored>> = vec![Vec::new(); queries.len()];
    let (mut encode_time, mut insert_time) = (Duration::ZERO, Duration::ZERO);
    for id in 0..options.rows {
        let embedding = data.embedding(id);
        let start = Instant::now();
        let code = encoder.encode(&embedding).expect("an embedding");
        encode_time += start.elapsed();
        let start = Instant::now();
        index.insert(id, code).expect("an id in range");
        insert_time += start.elapsed();
        quantized.extend(quantize(&embedding).expect("an embedding"));
        for (best, query) in exact.iter_mut().zip(&queries) {
            keep(best, Scored { id, score: dot(query, &embedding) });
        }
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / options.rows as f64;
    println!("encode {:.2} µs, insert {:.2} µs a row", each(encode_time), each(insert_time));
    measure_storage(&encoder, &mut index);
    measure_perceptual();

    let rows = Rows { data, index, quantized, encoder };
    let mut results: Vec<Results> = CANDIDATES.iter().map(|_| Results::default()).collect();
    for (query, exact) in queries.iter().zip(&exact) {
        rows.measure(query, exact, &mut results);
    }
    println!(
        "| candidates | recall@20 plain | refined | refined, i8 | search ms | refine ms | re-rank f32 ms | i8 ms |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut needed = None;
    for (candidates, results) in CANDIDATES.into_iter().zip(results) {
        let [plain, refined, refined_i8] = results.recalls.map(|recall| recall / queries.len() as f64);
        let times = results.times.map(median);
        print!("| {candidates} | {plain:.4} | {refined:.4} | {refined_i8:.4} ");
        times.iter().for_each(|time| print!("| {:.2} ", time.as_secs_f64() * 1e3));
        println!("|");
        let [search, refine, rerank, _] = times;
        if refined >= BARS.0 && search + refine + rerank <= BARS.1 && needed.is_none() {
            needed = Some(candidates);
        }
    }
    match needed {
        Some(candidates) => println!("bar kept with {candidates} candidates: recall ≥ {}, ≤ {:?}", BARS.0, BARS.1),
        None => {
            println!("bar missed: recall ≥ {}, ≤ {:?}", BARS.0, BARS.1);
            std::process::exit(1);
        }
    }
}

/// Rows under measurement.
struct Rows {
    data: Data,
    index: Index,
    /// Quantised vectors by id, without gaps.
    quantized: Vec<u8>,
    encoder: Encoder,
}

/// Sums over queries for one number of candidates.
#[derive(Default)]
struct Results {
    /// Recall after re-ranking: of the first hits, of refined ones, of refined ones by i8.
    recalls: [f64; 3],
    /// Times of the wide search, refining, re-ranking with f32 and with i8.
    times: [Vec<Duration>; 4],
}

impl Rows {
    /// Measures one query with each number of candidates. The f32 vectors are made before and lie together.
    fn measure(&self, query: &[f32], exact: &[Scored], results: &mut [Results]) {
        for (candidates, results) in CANDIDATES.into_iter().zip(results) {
            let start = Instant::now();
            let prepared = self.encoder.query(query).expect("an embedding");
            let hits = self.index.search(prepared.code(), WIDE, |_| true);
            results.times[0].push(start.elapsed());
            let start = Instant::now();
            let refined = self.index.refine(&prepared, &hits, candidates);
            results.times[1].push(start.elapsed());

            let is_hit = |exact: &&Scored| hits.iter().take(candidates).any(|hit| hit.id == exact.id);
            results.recalls[0] += exact.iter().filter(is_hit).count() as f64 / exact.len() as f64;

            let full: Vec<(u64, Vec<f32>)> = refined.iter().map(|hit| (hit.id, self.data.embedding(hit.id))).collect();
            let start = Instant::now();
            let rows = full.iter().map(|(id, vector)| (*id, &vector[..]));
            let found = rerank(query, rows, K).expect("vectors of one dimension");
            results.times[2].push(start.elapsed());
            results.recalls[1] += recall(exact, &found);

            let start = Instant::now();
            let rows = refined.iter().map(|hit| (hit.id, self.quantized(hit.id, query.len())));
            let found = rerank(query, rows, K).expect("vectors of one dimension");
            results.times[3].push(start.elapsed());
            results.recalls[2] += recall(exact, &found);
        }
    }

    /// Quantised vector of a row.
    fn quantized(&self, id: u64, dim: usize) -> Quantized<'_> {
        let start = id as usize * (4 + dim);
        Quantized::new(&self.quantized[start..start + 4 + dim]).expect("a vector")
    }
}

/// Times storing and restoring all chunks.
fn measure_storage(encoder: &Encoder, index: &mut Index) {
    let start = Instant::now();
    let chunks: Vec<Vec<u8>> = index.take_changed().into_iter().filter_map(|number| index.chunk(number)).collect();
    let stored = start.elapsed();
    let start = Instant::now();
    let restored = Index::from_chunks(encoder, &chunks).expect("chunks just made");
    let loaded = start.elapsed();
    assert_eq!(restored.len(), index.len());
    println!("stored form: {} chunks, made in {stored:.0?}, read in {loaded:.0?}", chunks.len());
}

/// Times the perceptual embedding of a megapixel.
fn measure_perceptual() {
    let pixels: Vec<u8> = (0..1024 * 1024 * 3u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let times = (0..9).map(|_| {
        let start = Instant::now();
        similarity::perceptual::embed(1024, 1024, 3, &pixels).expect("pixels of the size");
        start.elapsed()
    });
    println!("perceptual embedding of 1024 × 1024 pixels: {:.1?}", median(times.collect()));
}
