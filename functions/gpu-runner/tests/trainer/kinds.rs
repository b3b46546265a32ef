//! Every kind on every layout: what learns is what is asked for, all of it, and nothing else.

use candle_core::{Device, Tensor, Var};
use gpu_runner::backend::Control;
use gpu_runner::pipeline;
use gpu_runner::tiny::Layout;
use gpu_runner::train::{Diffusion, Kind, Learner, Learns, Plan};

use crate::rig::{Waves, all, bits, plan, run, same};
use crate::support::model;

fn largest(tensor: &Tensor) -> f32 {
    tensor.abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

#[test]
fn all_that_learns_of_sd15_has_a_gradient() {
    all_have_gradients(Layout::Sd15, 128);
}

#[test]
fn all_that_learns_of_sd2_has_a_gradient() {
    all_have_gradients(Layout::Sd2, 128);
}

#[test]
fn all_that_learns_of_sdxl_has_a_gradient() {
    all_have_gradients(Layout::Sdxl, 64);
}

/// `side` is as large as it takes for more than one pixel to be left where there are fewest.
fn all_have_gradients(layout: Layout, side: usize) {
    let dir = model(layout);
    let parts = pipeline::open(dir.path(), None).unwrap();
    for kind in all() {
        let what = format!("{layout:?} {kind:?}");
        let mut plan = plan(kind, 1);
        (plan.caption_dropout, plan.batch) = (0.0, 1);
        let examples = Waves(1, side);
        let learner = Diffusion::new(&plan, &*parts, &examples, &Device::Cpu).unwrap();
        let before: Vec<_> = learner.parameters().all().iter().map(|(_, var)| var.copy().unwrap()).collect();
        // What is behind a factor of 0 moves from the second step on.
        plan.course.run(&learner, None, &Device::Cpu, &mut |_, _| Ok(Control::Continue)).unwrap();
        let (loss, gradients) = learner.learn(1).unwrap();
        assert!(loss > 0.0, "{what}");
        for ((name, var), before) in learner.parameters().all().iter().zip(&before) {
            let gradient = gradients.get(var.as_tensor()).unwrap_or_else(|| panic!("{what}: none for {name}"));
            // Nothing before a softmax moves with a bias on its keys.
            assert!(largest(gradient) > 0.0 || name.ends_with("k_proj.bias"), "{what}: {name} has none");
            let behind_zero = name.ends_with(".down");
            assert!(behind_zero || bits(var.as_tensor()) != bits(before), "{what}: {name} stays");
        }
    }
}

/// Names of parameters, by the parts that they begin with and how many there are.
#[test]
fn only_what_is_to_learn_is_a_parameter() {
    let dir = model(Layout::Sdxl);
    let of = |kind| run(&plan(kind, 1), dir.path(), None).unwrap().into_keys().collect::<Vec<_>>();
    let lora = |convolutions, learns| Kind::Lora { rank: 2, alpha: 1.0, convolutions, learns };
    let (unet, text) = (Learns { unet: true, text: false }, Learns { unet: false, text: true });
    for kind in [Kind::Checkpoint(unet), lora(false, unet), lora(true, unet)] {
        let names = of(kind);
        assert!(!names.is_empty() && names.iter().all(|name| name.starts_with("unet/")), "{names:?}");
    }
    for kind in [Kind::Checkpoint(text), lora(false, text)] {
        let names = of(kind);
        let of_part = |part: &str| names.iter().filter(|name| name.starts_with(part)).count();
        let (first, second) = (of_part("text_encoder/"), of_part("text_encoder_2/"));
        // Of the first encoder the last layer is not looked at.
        assert!(0 < first && first < second && first + second == names.len(), "{names:?}");
    }
    let plain = of(lora(false, unet));
    assert!(plain.iter().all(|name| name.contains(".attentions.")), "{plain:?}");
    assert!(of(lora(true, unet)).iter().any(|name| name.contains(".resnets.0.conv1.up")));
    let words = Kind::Words { word: "fox".into(), vectors: 3, from: "dog".into() };
    assert_eq!(of(words), ["text_encoder/vectors", "text_encoder_2/vectors"]);
}

/// What is computed again for the gradients adds up in another order.
#[test]
fn less_memory_gives_the_same() {
    let dir = model(Layout::Sd15);
    let parts = pipeline::open(dir.path(), None).unwrap();
    let examples = Waves(5, 16);
    for kind in all() {
        let plan = plan(kind, 1);
        let again = Plan { recompute: true, ..plan.clone() };
        let [kept, again] = [&plan, &again].map(|plan| {
            let learner = Diffusion::new(plan, &*parts, &examples, &Device::Cpu).unwrap();
            let (loss, gradients) = learner.learn(0).unwrap();
            let of = |(name, var): &(String, Var)| (name.clone(), gradients.get(var.as_tensor()).unwrap().clone());
            (loss, learner.parameters().all().iter().map(of).collect::<Vec<_>>())
        });
        assert_eq!(kept.0, again.0);
        let most = kept.1.iter().map(|(_, gradient)| largest(gradient)).fold(0.0, f32::max);
        for ((name, kept), (_, again)) in kept.1.iter().zip(&again.1) {
            assert!(largest(&(kept - again).unwrap()) <= 1e-6 * most, "{:?}: {name}", plan.kind);
        }
    }
}

#[test]
fn models_that_draw_parts_of_pictures_are_refused() {
    let dir = model(Layout::Sd15);
    let config = dir.path().join("unet/config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(r#""in_channels": 4"#, r#""in_channels": 9"#)).unwrap();
    let error = run(&plan(all().remove(0), 1), dir.path(), None).unwrap_err();
    assert!(error.code == gpu_runner::Code::ModelUnsupported && error.message.contains("parts"), "{error}");
}

#[test]
fn other_kinds_end_the_same_after_a_stop() {
    use crate::resume::state;
    use crate::rig::run_while;
    let dir = model(Layout::Sd15);
    for kind in all() {
        let kept = tempfile::TempDir::new().unwrap();
        let plan = plan(kind, 3);
        let whole = run(&plan, dir.path(), None).unwrap();
        let stop = &mut |step| if step == 2 { Control::Cancel } else { Control::Continue };
        run_while(&plan, dir.path(), Some(&state(kept.path(), &plan)), stop).unwrap_err();
        let resumed = run(&plan, dir.path(), Some(&state(kept.path(), &plan))).unwrap();
        assert!(same(&whole, &resumed), "{:?}", plan.kind);
    }
}
