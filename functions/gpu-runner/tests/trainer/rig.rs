//! A tiny model, and examples out of a formula.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use gpu_runner::DrawError;
use gpu_runner::backend::Control;
use gpu_runner::pipeline;
use gpu_runner::train::{Chain, Example, Examples, Kind, Learns, Plan, State, train};

/// So many pictures of a side, every third half as high again.
pub struct Waves(pub usize, pub usize);

impl Examples for Waves {
    fn len(&self) -> usize {
        self.0
    }

    fn size(&self, index: usize) -> (usize, usize) {
        (self.1, if index % 3 == 2 { self.1 * 3 / 2 } else { self.1 })
    }

    fn get(&self, index: usize) -> Result<Example, DrawError> {
        let (width, height) = self.size(index);
        let pixels = (0..3 * width * height).map(|i| ((i * (index + 1)) as f32 * 0.1).sin()).collect();
        Ok(Example { pixels, width, height, caption: format!("a red fox, {index}") })
    }

    fn fingerprint(&self) -> String {
        format!("waves {} {}", self.0, self.1)
    }
}

pub const BOTH: Learns = Learns { unet: true, text: true };

/// One of each kind.
pub fn all() -> Vec<Kind> {
    let lora = |convolutions| Kind::Lora { rank: 2, alpha: 1.0, convolutions, learns: BOTH };
    let chain = Chain { activation: "relu".into(), norm: true, activate_output: false, ..Chain::default() };
    vec![
        Kind::Checkpoint(BOTH),
        lora(false),
        lora(true),
        Kind::Words { word: "fox".into(), vectors: 2, from: "a dog".into() },
        Kind::Hypernetwork(Chain::default()),
        Kind::Hypernetwork(chain),
    ]
}

pub fn plan(kind: Kind, steps: usize) -> Plan {
    let mut plan = Plan::new(kind, steps);
    plan.batch = 2;
    plan.seed = 7;
    plan.caption_dropout = 0.3;
    plan.course.rate.peak = 1e-3;
    plan
}

pub fn run(plan: &Plan, model: &Path, state: Option<&State>) -> Result<BTreeMap<String, Tensor>, DrawError> {
    run_while(plan, model, state, &mut |_| Control::Continue)
}

/// Told the steps done.
pub fn run_while(
    plan: &Plan,
    model: &Path,
    state: Option<&State>,
    goes_on: &mut dyn FnMut(usize) -> Control,
) -> Result<BTreeMap<String, Tensor>, DrawError> {
    let parts = pipeline::open(model, None).unwrap();
    train(plan, &*parts, &Waves(5, 16), state, &Device::Cpu, &mut |progress, _| Ok(goes_on(progress.step)))
}

pub fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

pub fn same(a: &BTreeMap<String, Tensor>, b: &BTreeMap<String, Tensor>) -> bool {
    a.len() == b.len() && a.iter().all(|(name, tensor)| b.get(name).is_some_and(|other| bits(tensor) == bits(other)))
}
