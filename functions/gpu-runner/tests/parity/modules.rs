use gpu_runner::models::unet::{Conditioning, Features, Sight, Unet, UnetConfig};
use gpu_runner::models::vae::{Vae, VaeConfig};
use gpu_runner::weights::Weights;

use crate::on::on;
use crate::reference::{LAYOUTS, MODULE, Reference};

/// Two different times and texts at once, on a picture whose sides halve and on one whose sides don't.
#[test]
fn unet_is_the_same() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        let config = UnetConfig::checked(&reference.config("unet")).unwrap();
        let weights = Weights::open(&reference.dir.join("unet"), "diffusion_pytorch_model").unwrap();
        let unet = Unet::load(&config, weights.into_builder(on().dtype, &on().device)).unwrap();
        for size in ["even", "odd"] {
            let sample = reference.tensor(&format!("unet/{size}/sample"));
            let out =
                unet.forward(sample, reference.tensor("unet/timesteps"), reference.tensor("unet/context")).unwrap();
            reference.compare(&format!("unet/{size}/out"), &out, MODULE);
        }
    }
}

/// Two references, noted one after the other; then a batch that sees both.
#[test]
fn unet_sees_references_the_same_way() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        let config = UnetConfig::checked(&reference.config("unet")).unwrap();
        let weights = Weights::open(&reference.dir.join("unet"), "diffusion_pytorch_model").unwrap();
        let unet = Unet::load(&config, weights.into_builder(on().dtype, &on().device)).unwrap();
        let time = reference.tensor("unet/timesteps").narrow(0, 0, 1).unwrap();
        let times = time.repeat(2).unwrap();
        let texts = reference.tensor("unet/context");
        let mut features = Features::default();
        for i in 0..2 {
            let picture = reference.tensor("unet/references").narrow(0, i, 1).unwrap();
            let text = Conditioning::of(texts.narrow(0, 1, 1).unwrap());
            unet.forward_with(&picture, &time, &text, Sight::noting(&mut features)).unwrap();
        }
        let sample = reference.tensor("unet/odd/sample");
        let out =
            unet.forward_with(sample, &times, &Conditioning::of(texts.clone()), Sight::beside(&features)).unwrap();
        reference.compare("unet/beside", &out, MODULE);
        // They do make a difference.
        let alone = unet.forward(sample, &times, texts).unwrap();
        let apart = (out - alone).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(apart > 1e-3, "{layout}: {apart}");
    }
}

#[test]
fn autoencoder_is_the_same_both_ways() {
    for layout in LAYOUTS {
        let reference = Reference::open(layout);
        let config = VaeConfig::checked(&reference.config("vae")).unwrap();
        let weights = Weights::open(&reference.dir.join("vae"), "diffusion_pytorch_model").unwrap();
        let vae = Vae::load(&config, weights.into_builder(on().dtype, &on().device)).unwrap();
        reference.compare("vae/moments", &vae.moments(reference.tensor("vae/image")).unwrap(), MODULE);
        reference.compare("vae/decoded", &vae.decode_unscaled(reference.tensor("vae/latents")).unwrap(), MODULE);
    }
}
