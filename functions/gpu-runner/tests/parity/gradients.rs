use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use gpu_runner::models::clip::{Projection, TextConfig, TextEncoder};
use gpu_runner::models::unet::{Added, Conditioning, Sight, Unet, UnetConfig};
use gpu_runner::models::vae::{Vae, VaeConfig};
use gpu_runner::weights::Weights;

use crate::on::on;
use crate::reference::{LAYOUTS, Reference};

/// Of a gradient's length and of its product with the parameter, relative to the length.
const GRADIENT: f64 = 1e-3;

/// A source whose tensors are all variables.
#[derive(Clone)]
struct Variables {
    weights: Arc<Weights>,
    made: Arc<Mutex<HashMap<String, Var>>>,
}

impl Variables {
    fn open(reference: &Reference, part: &str, stem: &str) -> Self {
        Self { weights: Arc::new(Weights::open(&reference.dir.join(part), stem).unwrap()), made: Arc::default() }
    }

    fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), DType::F32, on().device)
    }
}

impl SimpleBackend for Variables {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let var = Var::from_tensor(&self.weights.get(shape, name, init, dtype, device)?)?;
        let tensor = var.as_tensor().clone();
        self.made.lock().unwrap().insert(name.to_string(), var);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        self.weights.get_unchecked(name, dtype, device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.weights.contains_tensor(name)
    }
}

/// Asserts that the parameters of these parts have the gradients that a file of the reference's has, and that those it
/// does not have get none.
fn compare(reference: &Reference, file: &str, parts: &[(&str, &Variables)], gradients: &GradStore) {
    let layout = reference.dir.file_name().unwrap().display();
    let expected = candle_core::safetensors::load(reference.dir.join(file), &Device::Cpu).unwrap();
    let (mut checked, mut worst) = (0, 0f64);
    for (part, variables) in parts {
        for (name, var) in variables.made.lock().unwrap().iter() {
            let Some(expected) = expected.get(&format!("{part}/{name}")) else {
                assert!(gradients.get(var.as_tensor()).is_none(), "{layout} {part}/{name}: a gradient");
                continue;
            };
            let gradient = gradients.get(var.as_tensor()).unwrap_or_else(|| panic!("no gradient for {part}/{name}"));
            let gradient = gradient.to_device(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
            let sum = |t: Tensor| t.sum_all().unwrap().to_scalar::<f64>().unwrap();
            let length = sum(gradient.sqr().unwrap()).sqrt();
            let weight = var.as_tensor().to_device(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
            let product = sum((&gradient * &weight).unwrap());
            let size = sum(weight.sqr().unwrap()).sqrt();
            let expected: Vec<f32> = expected.to_vec1().unwrap();
            let (length_there, product_there) = (f64::from(expected[0]), f64::from(expected[1]));
            // Some are zero but for rounding: nothing before a softmax moves with a bias on its keys.
            let scale = length_there.max(1e-6);
            let off = ((length - length_there) / scale).abs().max(((product - product_there) / (scale * size)).abs());
            assert!(off <= GRADIENT, "{layout} {part}/{name}: {length} {product} for {expected:?}");
            worst = worst.max(off);
            checked += 1;
        }
    }
    assert_eq!(checked, expected.len(), "{layout}: parameters that no layer asked for");
    println!("{layout} {file}, gradients of {checked} parameters: {worst:.2e}");
}

fn distance(out: &Tensor, sample: &Tensor) -> Tensor {
    (out - sample.cos().unwrap()).unwrap().sqr().unwrap().mean_all().unwrap()
}

/// Through UNet and text encoder, to every parameter of both: a layer without a backward would go unnoticed otherwise.
/// As well when pieces of the UNet are computed again for them.
#[test]
fn every_parameter_has_the_same_gradient() {
    for (layout, recompute) in LAYOUTS.into_iter().flat_map(|layout| [(layout, false), (layout, true)]) {
        let reference = Reference::open(layout);
        let text = Variables::open(&reference, "text_encoder", "model");
        let unet = Variables::open(&reference, "unet", "diffusion_pytorch_model");
        let text_config = TextConfig::checked(&reference.config("text_encoder")).unwrap();
        let encoder = TextEncoder::load(&text_config, text.builder()).unwrap();
        let mut denoiser =
            Unet::load(&UnetConfig::checked(&reference.config("unet")).unwrap(), unet.builder()).unwrap();
        denoiser.recompute(recompute);

        let hidden = encoder.forward(&reference.tensor("text/ids").to_dtype(DType::U32).unwrap()).unwrap();
        let sample = reference.tensor("unet/odd/sample");
        let out = denoiser.forward(sample, reference.tensor("unet/timesteps"), &hidden).unwrap();
        let gradients = distance(&out, sample).backward().unwrap();
        compare(&reference, "gradients.safetensors", &[("text_encoder", &text), ("unet", &unet)], &gradients);
    }
}

/// The same of SDXL, through both its text encoders and what it is told beside the tokens.
#[test]
fn every_parameter_of_sdxl_has_the_same_gradient() {
    let reference = Reference::open("sdxl");
    let parts = ["text_encoder", "text_encoder_2"].map(|part| Variables::open(&reference, part, "model"));
    let unet = Variables::open(&reference, "unet", "diffusion_pytorch_model");
    let hidden = |i: usize, part: &str| {
        let config = TextConfig::checked(&reference.config(part)).unwrap();
        let encoder = TextEncoder::load(&config, parts[i].builder()).unwrap();
        let ids = reference.tensor(["text/ids", "text_2/ids"][i]).to_dtype(DType::U32).unwrap();
        (encoder.hidden(&ids).unwrap(), config, ids)
    };
    let (first, _, _) = hidden(0, "text_encoder");
    let (second, config, ids) = hidden(1, "text_encoder_2");
    let whole = Projection::load(&config, parts[1].builder()).unwrap().forward(&ids, &second.last).unwrap();
    let text = Tensor::cat(&[first.penultimate, second.penultimate], 2).unwrap();
    let added = Some(Added { text: whole, sizes: reference.tensor("unet/sizes").clone() });
    let denoiser = Unet::load(&UnetConfig::checked(&reference.config("unet")).unwrap(), unet.builder()).unwrap();
    let (sample, times) = (reference.tensor("unet/odd/sample"), reference.tensor("unet/timesteps"));
    let out = denoiser.forward_with(sample, times, &Conditioning { text, added }, Sight::Alone).unwrap();
    let gradients = distance(&out, sample).backward().unwrap();
    let [first, second] = &parts;
    let parts = [("text_encoder", first), ("text_encoder_2", second), ("unet", &unet)];
    compare(&reference, "gradients.safetensors", &parts, &gradients);
}

#[test]
fn every_parameter_of_the_autoencoder_has_the_same_gradient() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        let variables = Variables::open(&reference, "vae", "diffusion_pytorch_model");
        let vae = Vae::load(&VaeConfig::checked(&reference.config("vae")).unwrap(), variables.builder()).unwrap();
        let moments = vae.moments(reference.tensor("vae/image")).unwrap();
        let decoded = vae.decode_unscaled(reference.tensor("vae/latents")).unwrap();
        let mean = |x: Tensor| x.sin().unwrap().mean_all().unwrap();
        let gradients = (mean(moments) + mean(decoded)).unwrap().backward().unwrap();
        compare(&reference, "vae_gradients.safetensors", &[("vae", &variables)], &gradients);
    }
}
