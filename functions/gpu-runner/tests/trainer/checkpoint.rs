use candle_core::Device;
use gpu_runner::pipeline;
use gpu_runner::tiny::Layout;
use gpu_runner::train::{Diffusion, Kind, Learner, Learns};

use crate::rig::{BOTH, Waves, plan, run, same};
use crate::support::model;

#[test]
fn all_that_learns_has_a_gradient() {
    for layout in [Layout::Sd15, Layout::Sd2, Layout::Sdxl] {
        let dir = model(layout);
        let parts = pipeline::open(dir.path(), None).unwrap();
        let plan = plan(Kind::Checkpoint(BOTH), 2);
        // As large as it takes for more than one pixel to be left where there are fewest.
        let examples = Waves(1, 128);
        let learner = Diffusion::new(&plan, &*parts, &examples, &Device::Cpu).unwrap();
        let (loss, gradients) = learner.learn(0).unwrap();
        assert!(loss > 0.0);
        for (name, var) in learner.parameters().all() {
            let gradient =
                gradients.get(var.as_tensor()).unwrap_or_else(|| panic!("{layout:?}: no gradient for {name}"));
            let largest = gradient.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            // Nothing before a softmax moves with a bias on its keys.
            assert!(largest > 0.0 || name.ends_with("k_proj.bias"), "{layout:?}: {name} learns nothing");
        }
        let names: Vec<_> = learner.parameters().all().into_iter().map(|(name, _)| name).collect();
        for part in ["text_encoder/", "unet/"] {
            assert!(names.iter().any(|name| name.starts_with(part)), "{layout:?}: {part}");
        }
    }
}

#[test]
fn only_what_is_to_learn_is_a_parameter() {
    let dir = model(Layout::Sd15);
    let of = |learns| run(&plan(Kind::Checkpoint(learns), 1), dir.path(), None).unwrap();
    let (unet, text) = (of(Learns { unet: true, text: false }), of(Learns { unet: false, text: true }));
    assert!(!unet.is_empty() && unet.keys().all(|name| name.starts_with("unet/")));
    assert!(!text.is_empty() && text.keys().all(|name| name.starts_with("text_encoder/")));
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_others() {
    let dir = model(Layout::Sd2);
    let of = |seed| {
        let mut plan = plan(Kind::Checkpoint(BOTH), 3);
        plan.seed = seed;
        run(&plan, dir.path(), None).unwrap()
    };
    let once = of(1);
    assert!(same(&once, &of(1)) && !same(&once, &of(2)));
}
