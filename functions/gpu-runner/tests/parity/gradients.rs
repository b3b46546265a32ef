use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use gpu_runner::models::clip::{TextConfig, TextEncoder};
use gpu_runner::models::unet::{Unet, UnetConfig};
use gpu_runner::weights::Weights;

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
        VarBuilder::from_backend(Box::new(self.clone()), DType::F32, Device::Cpu)
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

/// Through UNet and text encoder, to every parameter of both: a layer without a backward would go unnoticed otherwise.
#[test]
fn every_parameter_has_the_same_gradient() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        let text = Variables::open(&reference, "text_encoder", "model");
        let unet = Variables::open(&reference, "unet", "diffusion_pytorch_model");
        let text_config = TextConfig::checked(&reference.config("text_encoder")).unwrap();
        let encoder = TextEncoder::load(&text_config, text.builder()).unwrap();
        let denoiser = Unet::load(&UnetConfig::checked(&reference.config("unet")).unwrap(), unet.builder()).unwrap();

        let hidden = encoder.forward(&reference.tensor("text/ids").to_dtype(DType::U32).unwrap()).unwrap();
        let sample = reference.tensor("unet/odd/sample");
        let out = denoiser.forward(sample, reference.tensor("unet/timesteps"), &hidden).unwrap();
        let loss = (out - sample.cos().unwrap()).unwrap().sqr().unwrap().mean_all().unwrap();
        let gradients = loss.backward().unwrap();

        let expected =
            candle_core::safetensors::load(reference.dir.join("gradients.safetensors"), &Device::Cpu).unwrap();
        let (mut checked, mut worst) = (0, 0f64);
        for (part, variables) in [("text_encoder", &text), ("unet", &unet)] {
            for (name, var) in variables.made.lock().unwrap().iter() {
                let gradient =
                    gradients.get(var.as_tensor()).unwrap_or_else(|| panic!("no gradient for {part}/{name}"));
                let gradient = gradient.to_dtype(DType::F64).unwrap();
                let sum = |t: Tensor| t.sum_all().unwrap().to_scalar::<f64>().unwrap();
                let length = sum(gradient.sqr().unwrap()).sqrt();
                let weight = var.as_tensor().to_dtype(DType::F64).unwrap();
                let product = sum((&gradient * &weight).unwrap());
                let size = sum(weight.sqr().unwrap()).sqrt();
                let expected: Vec<f32> = expected[&format!("{part}/{name}")].to_vec1().unwrap();
                let (length_there, product_there) = (f64::from(expected[0]), f64::from(expected[1]));
                // Some are zero but for rounding: nothing before a softmax moves with a bias on its keys.
                let scale = length_there.max(1e-6);
                let off =
                    ((length - length_there) / scale).abs().max(((product - product_there) / (scale * size)).abs());
                assert!(off <= GRADIENT, "{layout} {part}/{name}: {length} {product} for {expected:?}");
                worst = worst.max(off);
                checked += 1;
            }
        }
        assert_eq!(checked, expected.len(), "{layout}: parameters that no layer asked for");
        println!("{layout} gradients of {checked} parameters: {worst:.2e}");
    }
}
