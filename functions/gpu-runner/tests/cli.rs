//! The program as people run it.

mod support;

use std::path::Path;
use std::process::{Command, Output};

use gpu_runner::tiny::Layout;
use support::model;

fn runner(args: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gpu-runner")).args(args).current_dir(dir).output().unwrap()
}

fn succeeds(args: &[&str], dir: &Path) -> String {
    let output = runner(args, dir);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const SMALL: [&str; 6] = ["--width", "64", "--height", "72", "--steps", "3"];

#[test]
fn a_model_is_made_and_draws() {
    let dir = tempfile::TempDir::new().unwrap();
    let dir = dir.path();
    succeeds(&["tiny-model", "--out", "model", "--layout", "sd2", "--seed", "5"], dir);
    let draw = ["generate", "--model", "model", "--prompt", "貓 <&>", "--seed", "41", "--n", "2", "--guidance", "4"];
    let out = succeeds(&[&draw[..], &SMALL, &["--out", "cat.png", "--save-latents", "l.safetensors"]].concat(), dir);
    assert_eq!(out, "cat-0.png seed 41\ncat-1.png seed 42\n");

    let file = std::fs::File::open(dir.join("cat-1.png")).unwrap();
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height, pixels.len()), (64, 72, 3 * 64 * 72));
    assert!(pixels.iter().any(|b| *b != pixels[0]));
    let text = reader.info().utf8_text.iter().find(|chunk| chunk.keyword == "parameters").unwrap().get_text().unwrap();
    assert!(text.starts_with("貓 <&>\nSteps: 3, Sampler: DDIM, CFG scale: 4, Seed: 42, Size: 64x72"), "{text}");

    let saved = candle_core::safetensors::load(dir.join("l.safetensors"), &candle_core::Device::Cpu).unwrap();
    assert_eq!(saved["latents"].dims(), [2, 4, 9, 8]);
}

#[test]
fn noise_comes_from_a_file() {
    let dir = model(Layout::Sd15);
    let dir = dir.path();
    let draw = |seed: &str, out: &str| {
        let args =
            ["generate", "--model", ".", "--prompt", "fox", "--seed", seed, "--out", out, "--init-latents", "n.st"];
        runner(&[&args[..], &SMALL].concat(), dir)
    };
    let values: Vec<f32> = (0..4 * 9 * 8).map(|i| (i as f32).sin()).collect();
    let noise = candle_core::Tensor::from_vec(values, (1, 4, 9, 8), &candle_core::Device::Cpu).unwrap();
    noise.save_safetensors("latents", dir.join("n.st")).unwrap();
    assert!(draw("1", "a.png").status.success() && draw("2", "b.png").status.success());
    let pixels = |name: &str| {
        let file = std::io::BufReader::new(std::fs::File::open(dir.join(name)).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    };
    assert!(pixels("a.png") == pixels("b.png"), "the seed had a part in it");

    noise.narrow(2, 0, 8).unwrap().save_safetensors("latents", dir.join("n.st")).unwrap();
    let refused = draw("1", "c.png");
    assert!(!refused.status.success() && !dir.join("c.png").exists());
    noise.save_safetensors("other", dir.join("n.st")).unwrap();
    assert!(String::from_utf8_lossy(&draw("1", "c.png").stderr).contains("latents"));
}

#[test]
fn what_goes_wrong_is_said_on_one_line() {
    let dir = model(Layout::Sd15);
    let dir = dir.path();
    let draw = ["generate", "--prompt", "fox", "--out", "x.png"];
    let cases: [(&[&str], &str); 5] = [
        (&["--model", "nowhere"], "model_not_found"),
        (&["--model", ".", "--steps", "0"], "num_inference_steps"),
        (&["--model", ".", "--scheduler", "NEWTON"], "scheduler"),
        (&["--model", ".", "--width", "100"], "width"),
        (&["--model", ".", "--save-latents", "no/such/dir/l"], "not a directory"),
    ];
    for (args, expected) in cases {
        let output = runner(&[&draw[..], args].concat(), dir);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(said.starts_with("error: ") && said.lines().count() == 1 && said.contains(expected), "{said}");
        assert!(!dir.join("x.png").exists());
    }
}

#[test]
fn pictures_are_drawn_over() {
    let dir = model(Layout::Sd15);
    let dir = dir.path();
    let draw = ["generate", "--model", ".", "--prompt", "fox", "--seed", "1"];
    succeeds(&[&draw[..], &SMALL, &["--out", "a.png"]].concat(), dir);
    succeeds(&[&draw[..], &SMALL, &["--out", "b.png", "--guidance", "1"]].concat(), dir);
    let over = |out: &str, more: &[&str]| {
        succeeds(&[&draw[..], &SMALL, &["--out", out, "--from-image", "a.png"], more].concat(), dir);
        std::fs::read(dir.join(out)).unwrap()
    };
    let one = over("c.png", &["--strength", "0.6"]);
    assert!(String::from_utf8_lossy(&one).contains("Denoising strength: 0.6"));
    assert!(one != over("d.png", &["--strength", "0.6", "--from-image", "b.png"]));
    assert!(one != over("e.png", &[]));

    std::fs::write(dir.join("no.png"), "no picture").unwrap();
    for (args, expected) in [
        (&["--from-image", "no.png"][..], "no.png"),
        (&["--from-image", "nowhere.png"], "nowhere.png"),
        (&["--from-image", "a.png", "--strength", "1.5"], "strength"),
        (&["--strength", "0.5"], "--from-image"),
    ] {
        let output = runner(&[&draw[..], &SMALL, &["--out", "x.png"], args].concat(), dir);
        assert!(!output.status.success() && !dir.join("x.png").exists(), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{args:?}");
    }
}

#[test]
fn files_that_change_a_model_are_named_with_their_weights() {
    let dir = model(Layout::Sd15);
    let dir = dir.path();
    let save = |file: &str, tensors: &[(&str, &[usize])]| {
        let full = |shape: &[usize]| candle_core::Tensor::full(0.5f32, shape, &candle_core::Device::Cpu).unwrap();
        let tensors: std::collections::HashMap<_, _> =
            tensors.iter().map(|(name, shape)| (name.to_string(), full(shape))).collect();
        candle_core::safetensors::save(&tensors, dir.join(file)).unwrap();
    };
    let layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v";
    save("a.st", &[(&format!("{layer}.lora_A.weight"), &[1, 32]), (&format!("{layer}.lora_B.weight"), &[32, 1])]);
    save("w.st", &[("emb_params", &[2, 32])]);
    let pair = |side: u8| (format!("32.{side}.linear.0.weight"), format!("32.{side}.linear.0.bias"));
    let ((w0, b0), (w1, b1)) = (pair(0), pair(1));
    save("h.st", &[(&w0, &[32, 32]), (&b0, &[32]), (&w1, &[32, 32]), (&b1, &[32])]);
    let draw = |out: &str, more: &[&str]| {
        let args = ["generate", "--model", ".", "--prompt", "a (fox:1.2), w", "--seed", "1", "--out", out];
        let output = runner(&[&args[..], &SMALL, more].concat(), dir);
        assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(dir.join(out)).unwrap()
    };
    let plain = draw("plain.png", &[]);
    for (more, says) in [
        (&["--lora", "a.st:0.8", "--lora", "a.st"][..], "<lora:a:0.8> <lora:a:1>"),
        (&["--embedding", "w.st"], "(fox:1.2), w"),
        (&["--embedding", "w.st:fox"], "(fox:1.2), w"),
        (&["--hypernetwork", "h.st:-0.5"], "<hypernet:h:-0.5>"),
    ] {
        let drawn = draw("x.png", more);
        assert!(drawn != plain && String::from_utf8_lossy(&drawn).contains(says), "{more:?}");
    }
    for (more, expected) in [
        (["--lora", "nowhere.st:1"], "adapter_not_found"),
        (["--lora", "w.st"], "adapter_mismatch"),
        (["--lora", "a.st:much"], "no number"),
        (["--embedding", "a.st"], "adapter_mismatch"),
        (["--hypernetwork", "a.st:0.5"], "adapter_mismatch"),
    ] {
        let args = ["generate", "--model", ".", "--prompt", "fox", "--out", "no.png"];
        let output = runner(&[&args[..], &SMALL, &more].concat(), dir);
        assert!(!output.status.success() && !dir.join("no.png").exists(), "{more:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{more:?}");
    }
}

/// Half precision where it is asked for; and a GPU that is not there is never replaced by the CPU. (Where there are
/// GPUs, there are not a thousand.)
#[test]
fn device_and_precision_are_chosen() {
    let dir = model(Layout::Sd15);
    let dir = dir.path();
    let draw = |out: &str, more: &[&str]| {
        let args = ["generate", "--model", ".", "--prompt", "fox", "--seed", "1", "--out", out];
        runner(&[&args[..], &SMALL, more].concat(), dir)
    };
    let drawn = |out: &str, more: &[&str]| {
        let output = draw(out, &[&["--device", "cpu"], more].concat());
        assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(dir.join(out)).unwrap()
    };
    let plain = drawn("a.png", &[]);
    assert_eq!(plain, drawn("b.png", &["--dtype", "f32"]));
    assert_ne!(plain, drawn("c.png", &["--dtype", "bf16"]));
    for (more, expected) in [
        (["--device", "cuda:1000"], "--device cuda:1000: "),
        (["--device", "tpu"], "cuda:N"),
        (["--dtype", "f8"], "bf16"),
    ] {
        let output = draw("no.png", &more);
        assert!(!output.status.success() && !dir.join("no.png").exists(), "{more:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{more:?}");
    }
    let timed = succeeds(&["bench", "--size", "4", "--runs", "1", "--device", "cpu", "--dtype", "f16"], dir);
    assert!(timed.contains("f16") && timed.contains("it/s"), "{timed}");
}

#[test]
fn without_a_model_the_starter_draws() {
    let dir = tempfile::TempDir::new().unwrap();
    let dir = dir.path();
    let draw = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-runner"));
        command.args(["generate", "--prompt", "a red heart on a white background", "--seed", "1", "--steps", "4"]);
        let output = command.args(more).env("XDG_CACHE_HOME", dir).current_dir(dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let size = |name: &str| {
        let file = std::io::BufReader::new(std::fs::File::open(dir.join(name)).unwrap());
        let reader = png::Decoder::new(file).read_info().unwrap();
        (reader.info().width, reader.info().height)
    };
    draw(&["--out", "a.png"]);
    draw(&["--out", "b.png", "--model", "starter", "--width", "80"]);
    // What it was made for, where nothing else is asked.
    assert_eq!((size("a.png"), size("b.png")), ((64, 64), (80, 64)));
    assert!(dir.join("gpu-runner/starter").is_dir());
}
