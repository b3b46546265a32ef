use candle_core::DType;
use gpu_runner::prompt::{Learned, chunks};
use gpu_runner::tokenizer::Tokenizer;
use serde::Deserialize;

use crate::fixture::{Fixture, fixtures};
use crate::on::on;

#[derive(Deserialize)]
struct Case {
    prompt: String,
    chunks: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    ids: Vec<u32>,
    weights: Vec<f32>,
}

fn cases() -> Vec<Case> {
    serde_json::from_slice(&std::fs::read(fixtures().join("adapters/prompts.json")).unwrap()).unwrap()
}

fn tokenizer() -> Tokenizer {
    Tokenizer::load(&fixtures().join("sd15/tokenizer"), 77, 527).unwrap()
}

#[test]
fn chunks_are_those_of_the_reference() {
    let (tokenizer, cases) = (tokenizer(), cases());
    assert!(cases.len() >= 10 && cases.iter().any(|case| case.chunks.len() > 2));
    for Case { prompt, chunks: expected } in cases {
        let seen = chunks(&prompt, &tokenizer, &[]).unwrap();
        assert_eq!(seen.len(), expected.len(), "{prompt:?}");
        for (seen, expected) in seen.iter().zip(&expected) {
            assert_eq!(seen.ids, expected.ids, "{prompt:?}");
            let near = seen.weights.iter().zip(&expected.weights).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(near && seen.weights.len() == expected.weights.len(), "{prompt:?}: {:?}", seen.weights);
        }
    }
}

#[test]
fn what_fits_and_has_no_brackets_is_as_before() {
    let tokenizer = tokenizer();
    for prompt in ["", "a fox, in: the snow", "動物 🦊 l'été 1999!!", &"x".repeat(75)] {
        let seen = chunks(prompt, &tokenizer, &[]).unwrap();
        assert!(seen.len() == 1 && seen[0].plain(), "{prompt:?}");
        assert_eq!(seen[0].ids, tokenizer.encode(prompt).unwrap());
    }
}

#[test]
fn no_prompt_makes_more_than_32_chunks() {
    let tokenizer = tokenizer();
    let word = [
        Learned { token: "w".into(), first: 600, vectors: 75 },
        Learned { token: "u".into(), first: 700, vectors: 9_000 },
    ];
    for prompt in ["BREAK ".repeat(1_000), "w ".repeat(2_000), "🦊".repeat(9_000), "u ".repeat(50)] {
        let seen = chunks(&prompt, &tokenizer, &word).unwrap();
        assert!(seen.len() == 32, "{}", seen.len());
        assert!(seen.iter().all(|chunk| chunk.ids.len() == 77 && chunk.weights.len() == 77));
    }
}

/// A learned word's vectors stay together, with its weight.
#[test]
fn learned_words_do_not_cross_a_chunk() {
    let word = [Learned { token: "<w>".into(), first: 600, vectors: 5 }];
    let seen = chunks(&("x".repeat(72) + " (<w>:2)"), &tokenizer(), &word).unwrap();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].plain() && !seen[0].ids.contains(&600));
    assert_eq!(
        (&seen[1].ids[1..6], &seen[1].weights[..7]),
        (&[600, 601, 602, 603, 604][..], &[1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0][..])
    );
}

/// From the prompt to the picture: emphasis, several chunks, a longer negative prompt, a break.
#[test]
fn long_and_weighed_prompts_end_the_same() {
    let cases = cases();
    let mut fixture = Fixture::open("sd15");
    let words = "fox, snow in the low light, (hills:0.8) beyond a town, ";
    for (i, case) in cases.iter().take(4).enumerate() {
        fixture.compare(&format!("prompt/{i}"), |_, job| {
            job.params.prompt = case.prompt.clone();
            if i == 3 {
                job.params.negative_prompt = format!("(blurry:1.3), {words}");
            }
        });
    }
    // The mean of this model's states is near 0: what brings it back to where it was magnifies what half precision
    // rounds.
    if on().dtype == DType::F32 {
        Fixture::open("sdxl").compare("prompt/0", |_, job| job.params.prompt = cases[2].prompt.clone());
    }
}
