//! What files say about themselves, in the words of others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use gpu_runner::Code;
use gpu_runner::adapters::{Embedding, Lora, Part};
use gpu_runner::pipeline;
use gpu_runner::train::export::{About, Base, Factors, embedding, lora};
use gpu_runner::weights::Weights;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::drawn::random;
use crate::family::{Family, fixtures};

const QUERY: &str = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_q";
const CONVOLUTION: &str = "down_blocks.0.resnets.0.conv1";

fn about(base: &Base) -> About<'_> {
    let facts = BTreeMap::from([("ss_seed".to_string(), "7".to_string())]);
    About { base, title: "fox".into(), resolution: 512, trigger: Some("sks".into()), facts }
}

fn hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn told(path: &Path) -> impl Fn(&str) -> String {
    let metadata = Weights::read(path).unwrap().metadata().clone();
    move |key| metadata.get(key).cloned().unwrap_or_else(|| format!("no {key}"))
}

#[test]
fn a_lora_says_what_it_is_of() {
    let dir = TempDir::new().unwrap();
    let model = dir.path().join("base.safetensors");
    candle_core::safetensors::save(&Family::read("sd1").random(), &model).unwrap();
    let parts = pipeline::open(&model, Some(&fixtures().join("sdxl"))).unwrap();
    let base = Base::of(&model, &*parts).unwrap();
    let (down, up) = (random("down", &[3, 64], 0.1), random("up", &[64, 3], 0.1));
    let query = Factors { part: Part::Unet, layer: QUERY, down: &down, up: &up };
    let path = dir.path().join("fox.safetensors");
    lora(&path, &[query], 2.0, &about(&base), DType::BF16).unwrap();

    let told = told(&path);
    let (file, result) = (fs::read(&model).unwrap(), fs::read(&path).unwrap());
    let header = 8 + u64::from_le_bytes(result[..8].try_into().unwrap()) as usize;
    let own = hexadecimal(&result[header..]);
    for (key, value) in [
        ("ss_base_model_version", "sd_v1"),
        ("ss_v2", "False"),
        ("ss_sd_model_name", "base.safetensors"),
        ("ss_new_sd_model_hash", hexadecimal(&file).as_str()),
        ("ss_sd_model_hash", &hexadecimal(&file[0x10_0000..0x11_0000])[..8]),
        ("ss_network_module", "networks.lora"),
        ("ss_network_dim", "3"),
        ("ss_network_alpha", "2"),
        ("ss_network_args", "no ss_network_args"),
        ("ss_output_name", "fox"),
        ("ss_seed", "7"),
        ("sshs_model_hash", own.as_str()),
        ("modelspec.sai_model_spec", "1.0.0"),
        ("modelspec.architecture", "stable-diffusion-v1/lora"),
        ("modelspec.title", "fox"),
        ("modelspec.resolution", "512x512"),
        ("modelspec.prediction_type", "epsilon"),
        ("modelspec.trigger_phrase", "sks"),
        ("modelspec.hash_sha256", format!("0x{own}").as_str()),
    ] {
        assert_eq!(told(key), value, "{key}");
    }
    let name = format!("lora_unet_{}", QUERY.replace('.', "_"));
    let written = Weights::read(&path).unwrap();
    assert_eq!(written.names(), [".alpha", ".lora_down.weight", ".lora_up.weight"].map(|end| format!("{name}{end}")));
    let alpha = written.load(&format!("{name}.alpha"), DType::F32, &Device::Cpu).unwrap();
    assert_eq!((alpha.rank(), alpha.to_scalar::<f32>().unwrap()), (0, 2.0));

    // Read back it changes what it was made for, by up · down · alpha / rank, in the precision it is kept in.
    let read = Lora::open(&path).unwrap();
    let layers: Vec<_> = read.layers(Part::Unet).map(|(name, scale)| (name.to_string(), scale)).collect();
    assert_eq!(layers, [(QUERY.replace('.', "_"), 2.0 / 3.0)]);
    let rounded = |t: &Tensor| t.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap();
    let expected = rounded(&up).matmul(&rounded(&down)).unwrap().to_vec2::<f32>().unwrap();
    let delta = read.delta(Part::Unet, &layers[0].0, &[64, 64], &Device::Cpu).unwrap();
    assert_eq!(delta.to_vec2::<f32>().unwrap(), expected);
}

#[test]
fn loras_of_two_encoders_and_of_convolutions_say_so() {
    let dir = TempDir::new().unwrap();
    let model = fixtures().join("sdxl");
    let parts = pipeline::open(&model, None).unwrap();
    let base = Base::of(&model, &*parts).unwrap();
    let path = dir.path().join("fox.safetensors");
    let (down, up) = (random("down", &[2, 8], 0.1), random("up", &[8, 2], 0.1));
    let kernels = random("kernels", &[4, 8, 3, 3], 0.1);
    let wide = random("wide", &[8, 4], 0.1);
    let of = |part, layer| Factors { part, layer, down: &down, up: &up };
    let layers = [
        Factors { part: Part::Unet, layer: CONVOLUTION, down: &kernels, up: &wide },
        of(Part::Text(0), "text_model.encoder.layers.0.mlp.fc1"),
        of(Part::Text(1), "encoder.layers.1.self_attn.q_proj"),
    ];
    lora(&path, &layers, 1.0, &about(&base), DType::F32).unwrap();
    let told = told(&path);
    assert_eq!((told("ss_base_model_version").as_str(), told("ss_network_dim").as_str()), ("sdxl_base_v1-0", "2"));
    assert_eq!(told("ss_network_args"), r#"{"conv_alpha":"1","conv_dim":"4"}"#);
    assert_eq!(told("modelspec.architecture"), "stable-diffusion-xl-v1-base/lora");
    // There is no such thing of a directory.
    assert_eq!(told("ss_sd_model_hash"), "no ss_sd_model_hash");
    let written = Weights::read(&path).unwrap();
    let up = format!("lora_unet_{}.lora_up.weight", CONVOLUTION.replace('.', "_"));
    assert_eq!(written.shape(&up), Some(&[8, 4, 1, 1][..]));
    for name in
        ["lora_te1_text_model_encoder_layers_0_mlp_fc1", "lora_te2_text_model_encoder_layers_1_self_attn_q_proj"]
    {
        assert!(written.shape(&format!("{name}.lora_down.weight")).is_some(), "{name}");
    }
    let error = lora(&path, &[Factors { up: &down, ..of(Part::Unet, QUERY) }], 1.0, &about(&base), DType::F32);
    assert_eq!(error.unwrap_err().code, Code::Internal);
}

#[test]
fn words_are_called_by_their_names() {
    let dir = TempDir::new().unwrap();
    let model = fixtures().join("sd2");
    let parts = pipeline::open(&model, None).unwrap();
    let base = Base::of(&model, &*parts).unwrap();
    let vectors = [random("vectors", &[2, 40], 1.0)];
    // As the reader takes them: by the tensor's name, or the file's.
    for (word, known) in [("<狐>", "<狐>"), ("clip_l", "file"), ("__metadata__", "file"), ("", "file")] {
        let path = dir.path().join("file.safetensors");
        embedding(&path, word, &vectors, &about(&base), DType::F32).unwrap();
        let read = Embedding::read(&path, &[40], &Device::Cpu).unwrap();
        assert_eq!(read.word, known);
        let values = |t: &Tensor| t.to_vec2::<f32>().unwrap();
        assert_eq!(values(&read.vectors[0]), values(&vectors[0]));
        let told = told(&path);
        assert_eq!(told("modelspec.trigger_phrase"), word);
        assert_eq!(told("modelspec.architecture"), "stable-diffusion-v2-768-v/textual-inversion");
        assert_eq!((told("ss_v2").as_str(), told("ss_base_model_version").as_str()), ("True", "sd_v2_v"));
    }
    let none = embedding(&dir.path().join("x.safetensors"), "x", &[], &about(&base), DType::F32);
    assert_eq!(none.unwrap_err().code, Code::Internal);
}

/// Whatever it is called and wherever it lies, but not with other weights.
#[test]
fn a_directory_is_known_by_its_weights() {
    let dir = TempDir::new().unwrap();
    let copy = |name: &str| {
        for part in ["text_encoder", "unet", "vae", "scheduler", "tokenizer", ""] {
            let (from, to) = (fixtures().join("sd2").join(part), dir.path().join(name).join(part));
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
                fs::copy(&entry, to.join(entry.file_name().unwrap())).unwrap();
            }
        }
        dir.path().join(name)
    };
    let hash = |path: &Path| Base::of(path, &*pipeline::open(path, None).unwrap()).unwrap().hash;
    let (one, two) = (copy("one"), copy("two"));
    assert_eq!(hash(&one), hash(&two));
    let file = two.join("vae/diffusion_pytorch_model.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_ne!(hash(&one), hash(&two));
}
