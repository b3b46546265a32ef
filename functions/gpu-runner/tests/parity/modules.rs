use candle_core::{DType, Device};
use gpu_runner::models::unet::{Unet, UnetConfig};
use gpu_runner::models::vae::{Vae, VaeConfig};
use gpu_runner::weights::Weights;

use crate::reference::{LAYOUTS, MODULE, Reference};

/// Two different times and texts at once, on a picture whose sides halve and on one whose sides don't.
#[test]
fn unet_is_the_same() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        let config = UnetConfig::checked(&reference.config("unet")).unwrap();
        let weights = Weights::open(&reference.dir.join("unet"), "diffusion_pytorch_model").unwrap();
        let unet = Unet::load(&config, weights.into_builder(DType::F32, &Device::Cpu)).unwrap();
        for size in ["even", "odd"] {
            let sample = reference.tensor(&format!("unet/{size}/sample"));
            let out =
                unet.forward(sample, reference.tensor("unet/timesteps"), reference.tensor("unet/context")).unwrap();
            reference.compare(&format!("unet/{size}/out"), &out, MODULE);
        }
    }
}

#[test]
fn autoencoder_is_the_same_both_ways() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        let config = VaeConfig::checked(&reference.config("vae")).unwrap();
        let weights = Weights::open(&reference.dir.join("vae"), "diffusion_pytorch_model").unwrap();
        let vae = Vae::load(&config, weights.into_builder(DType::F32, &Device::Cpu)).unwrap();
        reference.compare("vae/moments", &vae.moments(reference.tensor("vae/image")).unwrap(), MODULE);
        reference.compare("vae/decoded", &vae.decode_unscaled(reference.tensor("vae/latents")).unwrap(), MODULE);
    }
}
