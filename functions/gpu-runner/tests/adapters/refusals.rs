//! Files that lie or are for something else: an error with a code, never a panic.

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use gpu_runner::backend::DrawJob;
use gpu_runner::{Code, DrawError};
use tempfile::TempDir;

use crate::fixture::Fixture;

/// The tensors of a file, by name.
type File<'a> = Vec<(&'a str, Tensor)>;

struct Rig {
    fixture: Fixture,
    dir: TempDir,
}

impl Rig {
    fn new() -> Self {
        Self { fixture: Fixture::open("sd15"), dir: TempDir::new().unwrap() }
    }

    fn file(&self, tensors: &[(&str, Tensor)]) -> PathBuf {
        let path = self.dir.path().join("file.safetensors");
        let tensors: HashMap<String, Tensor> = tensors.iter().map(|(n, t)| (n.to_string(), t.clone())).collect();
        let _ = std::fs::remove_file(&path);
        candle_core::safetensors::save(&tensors, &path).unwrap();
        path
    }

    fn bytes(&self, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join("file.safetensors");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn refusal(&mut self, change: impl FnOnce(&mut DrawJob)) -> DrawError {
        let mut job = self.fixture.job();
        job.params.num_inference_steps = 1;
        change(&mut job);
        self.fixture.draw(&job).unwrap_err()
    }

    fn lora(&mut self, path: PathBuf) -> DrawError {
        self.refusal(|job| job.loras = vec![(path, 1.0)])
    }
}

fn of(shape: &[usize]) -> Tensor {
    Tensor::full(0.5f32, shape, &Device::Cpu).unwrap()
}

/// A layer of 8 to 8, known to the model.
const LAYER: &str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";

#[test]
fn loras_that_do_not_fit_are_named() {
    use Code::{AdapterInvalid as Invalid, AdapterMismatch as Mismatch, AdapterUnsupported as Unsupported};
    let mut rig = Rig::new();
    let (down, up, alpha) =
        (format!("{LAYER}.lora_down.weight"), format!("{LAYER}.lora_up.weight"), format!("{LAYER}.alpha"));
    let dora = &format!("{LAYER}.dora_scale");
    let (down, up, alpha) = (down.as_str(), up.as_str(), alpha.as_str());
    let nan = Tensor::new(&[[f32::NAN; 8]; 2], &Device::Cpu).unwrap();
    let huge = Tensor::full(f32::MAX, (8, 2), &Device::Cpu).unwrap();
    let integer = Tensor::new(4i64, &Device::Cpu).unwrap();
    let far = [
        ("lora_unet_nowhere_a.lora_down.weight", of(&[2, 8])),
        ("lora_unet_nowhere_a.lora_up.weight", of(&[8, 2])),
        ("lora_te2_text_model_x.lora_down.weight", of(&[2, 8])),
        ("lora_te2_text_model_x.lora_up.weight", of(&[8, 2])),
    ];
    let cases: Vec<(File<'_>, Code, &str)> = vec![
        (vec![], Invalid, "no LoRA"),
        (far.to_vec(), Mismatch, "2 of 2 layers are not in this model: lora_unet_nowhere_a"),
        (vec![("model.diffusion_model.x.weight", of(&[2]))], Mismatch, "model.diffusion_model.x.weight"),
        (vec![("lora_unet_x.hada_w1_a", of(&[2]))], Unsupported, "LoHa"),
        (vec![(down, of(&[2, 8])), (up, of(&[8, 2])), (dora, of(&[8]))], Unsupported, "DoRA"),
        (vec![(down, of(&[2, 8]))], Invalid, "factors"),
        (vec![(alpha, of(&[1]))], Invalid, "factors"),
        (vec![(down, of(&[2, 8])), (up, of(&[8, 3]))], Invalid, "rank"),
        (vec![(down, of(&[0, 8])), (up, of(&[8, 0]))], Invalid, "rank"),
        (vec![(down, of(&[5000, 8])), (up, of(&[8, 5000]))], Invalid, "rank"),
        (vec![(down, of(&[2, 9])), (up, of(&[8, 2]))], Mismatch, "[8, 8]"),
        (vec![(down, of(&[2, 8])), (up, of(&[16, 2]))], Mismatch, "[8, 8]"),
        (vec![(down, of(&[])), (up, of(&[]))], Invalid, "rank"),
        (vec![(down, nan), (up, of(&[8, 2]))], Invalid, "finite"),
        (vec![(down, (of(&[2, 8]) * 1e30).unwrap()), (up, huge)], Invalid, "finite"),
        (vec![(down, of(&[2, 8])), (up, of(&[8, 2])), (alpha, of(&[2]))], Invalid, "alpha"),
        (vec![(down, of(&[2, 8])), (up, of(&[8, 2])), (alpha, (of(&[1]) / 0.0).unwrap())], Invalid, "alpha"),
        (vec![(down, of(&[2, 8])), (up, of(&[8, 2])), (alpha, integer)], Unsupported, "alpha"),
    ];
    for (tensors, code, says) in cases {
        let names: Vec<&str> = tensors.iter().map(|(name, _)| *name).collect();
        let path = rig.file(&tensors);
        let error = rig.lora(path);
        assert_eq!(error.code, code, "{names:?}: {error}");
        assert!(error.message.contains(says) && error.message.contains("file.safetensors"), "{names:?}: {error}");
        assert!(!error.retryable());
    }
}

/// A safetensors file of this header and so many bytes.
fn raw(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn only_whole_safetensors_are_read() {
    let mut rig = Rig::new();
    let tensor = |name: &str, shape: &str, offsets: &str| {
        format!(r#""{LAYER}.{name}.weight":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#)
    };
    let two = |a: &str, b: &str| format!("{{{},{}}}", tensor("lora_down", "[2,8]", a), tensor("lora_up", "[8,2]", b));
    let cases = [
        (b"PK\x03\x04 a zip archive".to_vec(), Code::AdapterUnsupported),
        (b"\x80\x02}q\x00 a pickle".to_vec(), Code::AdapterUnsupported),
        (vec![], Code::AdapterInvalid),
        (vec![0xff; 64], Code::AdapterInvalid),
        (raw(&two("[0,64]", "[64,128]"), 127), Code::AdapterInvalid),
        (raw(&two("[0,64]", "[32,96]"), 128), Code::AdapterInvalid),
        (raw(&two("[0,64]", "[0,64]"), 64), Code::AdapterInvalid),
        (raw(&format!("{{{}}}", tensor("lora_down", "[4611686018427387904,8]", "[0,64]")), 64), Code::AdapterInvalid),
    ];
    for (i, (bytes, code)) in cases.into_iter().enumerate() {
        let path = rig.bytes(&bytes);
        for kind in 0..3 {
            let path = path.clone();
            let error = rig.refusal(|job| match kind {
                0 => job.loras = vec![(path, 1.0)],
                1 => job.embeddings = vec![(path, None)],
                _ => job.hypernetworks = vec![(path, 1.0)],
            });
            assert_eq!(error.code, code, "case {i}, kind {kind}: {error}");
        }
    }
    // The same layout, told truly, is taken.
    let path = rig.bytes(&raw(&two("[0,64]", "[64,128]"), 128));
    rig.fixture.drawn(|_, job| job.loras = vec![(path, 1.0)]);
    let dir = rig.dir.path().to_path_buf();
    assert_eq!(rig.lora(dir).code, Code::AdapterNotFound);
}

#[test]
fn embeddings_that_do_not_fit_are_named() {
    use Code::{AdapterInvalid as Invalid, AdapterMismatch as Mismatch, RequestInvalid as Request};
    let mut rig = Rig::new();
    let cases: Vec<(File<'_>, Option<&str>, Code)> = vec![
        (vec![], None, Invalid),
        (vec![("emb_params", of(&[2, 31]))], None, Mismatch),
        (vec![("emb_params", of(&[0, 32]))], None, Invalid),
        (vec![("emb_params", of(&[76, 32]))], None, Invalid),
        (vec![("emb_params", of(&[2, 2, 32]))], None, Invalid),
        (vec![("emb_params", (of(&[2, 32]) / 0.0).unwrap())], None, Invalid),
        (vec![("a", of(&[2, 32])), ("b", of(&[2, 32]))], None, Mismatch),
        (vec![("clip_l", of(&[2, 32])), ("clip_g", of(&[2, 32]))], None, Mismatch),
        (vec![("emb_params", of(&[2, 32]))], Some(" "), Request),
    ];
    for (tensors, word, code) in cases {
        let names: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor.dims().to_vec())).collect();
        let path = rig.file(&tensors);
        let error = rig.refusal(|job| job.embeddings = vec![(path, word.map(str::to_string))]);
        assert_eq!(error.code, code, "{names:?}: {error}");
    }
    let path = rig.file(&[("x", of(&[32]))]);
    let error = rig.refusal(|job| job.embeddings = vec![(path.clone(), None), (path, None)]);
    assert_eq!(error.code, Code::RequestInvalid);
}

#[test]
fn hypernetworks_that_do_not_fit_are_named() {
    use Code::{AdapterInvalid as Invalid, AdapterMismatch as Mismatch};
    let mut rig = Rig::new();
    let pair = |side: usize, shape: &[usize]| {
        vec![(format!("8.{side}.linear.0.weight"), of(shape)), (format!("8.{side}.linear.0.bias"), of(&shape[..1]))]
    };
    let good = [pair(0, &[8, 8]), pair(1, &[8, 8])].concat();
    let cases = [
        (vec![], Mismatch),
        (vec![("8.0.other.0.weight".to_string(), of(&[8, 8]))], Mismatch),
        (vec![("8.2.linear.0.weight".to_string(), of(&[8, 8]))], Mismatch),
        (vec![("9.0.linear.0.weight".to_string(), of(&[9, 9]))], Mismatch),
        (pair(0, &[8, 8]), Invalid),
        ([pair(0, &[8, 8]), pair(1, &[9, 8])].concat(), Invalid),
        ([pair(0, &[8, 8]), pair(1, &[8, 9])].concat(), Invalid),
        (good[..3].to_vec(), Invalid),
        ([&good[1..], &[(good[0].0.clone(), (of(&[8, 8]) / 0.0).unwrap())]].concat(), Invalid),
    ];
    for (i, (tensors, code)) in cases.into_iter().enumerate() {
        let tensors: Vec<(&str, Tensor)> =
            tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.clone())).collect();
        let path = rig.file(&tensors);
        let error = rig.refusal(|job| job.hypernetworks = vec![(path, 1.0)]);
        assert_eq!(error.code, code, "case {i}: {error}");
    }
    let good: Vec<(&str, Tensor)> = good.iter().map(|(name, tensor)| (name.as_str(), tensor.clone())).collect();
    let path = rig.file(&good);
    rig.fixture.drawn(|_, job| job.hypernetworks = vec![(path, 0.01)]);
}

#[test]
fn jobs_out_of_range_are_refused_before_a_file_is_read() {
    let mut rig = Rig::new();
    let nowhere = || PathBuf::from("secret/nowhere.safetensors");
    type Change = Box<dyn FnOnce(&mut DrawJob)>;
    let cases: Vec<Change> = vec![
        Box::new(move |job| job.loras = vec![(nowhere(), f64::NAN)]),
        Box::new(move |job| job.loras = vec![(nowhere(), 101.0)]),
        Box::new(move |job| job.hypernetworks = vec![(nowhere(), f64::INFINITY)]),
        Box::new(move |job| job.loras = vec![(nowhere(), 1.0); 17]),
        Box::new(move |job| job.embeddings = vec![(nowhere(), None); 17]),
    ];
    for change in cases {
        let error = rig.refusal(change);
        assert_eq!(error.code, Code::RequestInvalid, "{error}");
        assert!(!error.message.contains("secret"), "{error}");
    }
}
