//! What a model sees in its own pictures. Made by `fixtures/vision.py`.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use gpu_runner::backend::Rgb;
use gpu_runner::models::clip::{Vision, VisionConfig};
use gpu_runner::models::safety::Safety;
use gpu_runner::pipeline::eyes::pixels;
use gpu_runner::weights::Weights;

use crate::on::on;
use crate::reference::{MODULE, Reference};

fn open() -> Reference {
    Reference::open("vision")
}

fn weights(reference: &Reference, part: &str) -> VarBuilder<'static> {
    Weights::open(&reference.dir.join(part), "model").unwrap().into_builder(DType::F32, &on().device)
}

fn picture(reference: &Reference) -> Rgb {
    let picture = reference.tensor("picture");
    let (height, width, _) = picture.dims3().unwrap();
    Rgb { width: width as u32, height: height as u32, bytes: picture.flatten_all().unwrap().to_vec1().unwrap() }
}

#[test]
fn pictures_are_brought_to_size_alike() {
    let reference = open();
    let seen = pixels(&picture(&reference), 28, &on().device).unwrap();
    let expected = reference.tensor("pixels");
    assert_eq!(seen.dims(), expected.dims());
    let difference = (seen - expected).unwrap().abs().unwrap();
    let worst = difference.max_all().unwrap().to_scalar::<f32>().unwrap();
    let mean = difference.mean_all().unwrap().to_scalar::<f32>().unwrap();
    // One step of a byte is 0.015 here; the two scale with weights of other precision.
    println!("worst {worst}, mean {mean}");
    assert!(worst < 0.04 && mean < 0.005, "worst {worst}, mean {mean}");
}

#[test]
fn embeddings_are_the_same() {
    let reference = open();
    let config = VisionConfig::checked(&reference.config("image_encoder")).unwrap();
    let vision = Vision::load(&config, weights(&reference, "image_encoder")).unwrap();
    let pixels = reference.tensor("pixels");
    reference.compare("embedding", &vision.forward(pixels).unwrap(), MODULE);
    let two = vision.forward(&Tensor::cat(&[pixels, pixels], 0).unwrap()).unwrap();
    reference.compare("embedding", &two.narrow(0, 1, 1).unwrap(), MODULE);
}

#[test]
fn the_safety_checker_decides_the_same() {
    let reference = open();
    let config = Safety::config(&reference.config("safety_checker")).unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let mut tensors =
        candle_core::safetensors::load(reference.dir.join("safety_checker/model.safetensors"), &Device::Cpu).unwrap();
    let cases = reference.tensor("safety/weights").dim(0).unwrap();
    assert_eq!(cases, 5);
    for case in 0..cases {
        let bounds = |name: &str| reference.tensor(name).get(case).unwrap().contiguous().unwrap();
        tensors.insert("concept_embeds_weights".into(), bounds("safety/weights"));
        tensors.insert("special_care_embeds_weights".into(), bounds("safety/special_weights"));
        let file = dir.path().join(format!("{case}.safetensors"));
        candle_core::safetensors::save(&tensors, &file).unwrap();
        let vb = Weights::read(&file).unwrap().into_builder(DType::F32, &on().device);
        let scores = Safety::load(&config, vb).unwrap().scores(reference.tensor("pixels")).unwrap();
        for (name, seen) in [("special", &scores.special), ("concepts", &scores.concepts)] {
            let expected: Vec<f32> = reference.tensor(&format!("safety/{case}/{name}")).to_vec1().unwrap();
            assert_eq!(seen.len(), expected.len());
            // In thousandths: where one is about to change the other may have changed.
            let worst = seen.iter().zip(&expected).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
            assert!(worst < 0.0011, "{case} {name}: {worst}");
        }
        let flagged = reference.tensor(&format!("safety/{case}/flagged")).to_vec1::<f32>().unwrap() == [1.0];
        assert_eq!(scores.flagged(), flagged, "{case}");
    }
}
