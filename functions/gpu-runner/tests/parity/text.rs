use candle_core::DType;
use gpu_runner::models::clip::{TextConfig, TextEncoder};
use gpu_runner::tokenizer::Tokenizer;
use gpu_runner::weights::Weights;
use serde::Deserialize;

use crate::on::on;
use crate::reference::{LAYOUTS, MODULE, Reference};

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
}

#[test]
fn tokens_are_the_same() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        let tokenizer = Tokenizer::load(&reference.dir.join("tokenizer"), 77, 527).unwrap();
        let cases: Vec<Case> =
            serde_json::from_slice(&std::fs::read(reference.dir.join("tokens.json")).unwrap()).unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            assert_eq!(tokenizer.encode(&case.text).unwrap(), case.ids, "{layout}: {:?}", case.text);
        }
    }
}

#[test]
fn hidden_states_are_the_same() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        let config = TextConfig::checked(&reference.config("text_encoder")).unwrap();
        let weights = Weights::open(&reference.dir.join("text_encoder"), "model").unwrap();
        let encoder = TextEncoder::load(&config, weights.into_builder(on().dtype, &on().device)).unwrap();
        let ids = reference.tensor("text/ids").to_dtype(DType::U32).unwrap();
        reference.compare("text/hidden", &encoder.forward(&ids).unwrap(), MODULE);
    }
}
