//! The program as people run it, and as it is killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use candle_core::{DType, Device};
use gpu_runner::backend::Rgb;
use gpu_runner::tiny::{self, Layout};
use gpu_runner::weights::Weights;

/// Two pictures of one colour with captions, beside the directory of a tiny model.
fn place(layout: Layout) -> tempfile::TempDir {
    let dir = tempfile::TempDir::new().unwrap();
    tiny::write(&dir.path().join("model"), layout, 0).unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for (name, colour) in [("1", [200, 30, 30]), ("2", [30, 30, 200])] {
        let rgb = Rgb { width: 64, height: 64, bytes: colour.repeat(64 * 64) };
        std::fs::write(data.join(format!("{name}.png")), gpu_runner::png::encode(&rgb, &[]).unwrap()).unwrap();
        std::fs::write(data.join(format!("{name}.txt")), "a colour").unwrap();
    }
    dir
}

fn command(dir: &Path, kind: &str, out: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-runner"));
    command.current_dir(dir).args(["train", "--type", kind, "--model", "model", "--data", "data", "--device", "cpu"]);
    command.args(["--resolution", "64", "--save-as", "f32", "--lr", "1e-3", "--seed", "3", "--out", out]).args(more);
    command
}

fn succeeds(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[test]
fn killed_it_ends_the_same() {
    let dir = place(Layout::Sd15);
    let dir = dir.path();
    let more = ["--steps", "4", "--save-every", "1", "--trigger", "sks", "--sample", "sks", "--sample-every", "1"];
    let more = [&more[..], &["--sample-steps", "1", "--sample-guidance", "1"]].concat();
    let train = |out| command(dir, "lora", out, &more);
    let whole = succeeds(train("whole.safetensors"));
    assert!(whole.contains("whole.safetensors.samples/4-0.png") && whole.contains("after 4 steps, loss "), "{whole}");
    assert!(!dir.join("whole.safetensors.state").exists());

    let mut child = train("killed.safetensors").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Said when the second step is done, and before it is kept.
    assert!(lines.by_ref().map(Result::unwrap).any(|line| line.ends_with("2-0.png")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!dir.join("killed.safetensors").exists() && dir.join("killed.safetensors.state").exists());

    let rest = succeeds(train("killed.safetensors"));
    assert!(!rest.contains("/1-0.png") && rest.contains("/4-0.png"), "{rest}");
    assert_eq!(values(&dir.join("whole.safetensors")), values(&dir.join("killed.safetensors")));
}

fn values(file: &Path) -> Vec<(String, Vec<u32>)> {
    let file = Weights::read(file).unwrap();
    let read = |name: &str| crate::rig::bits(&file.load(name, DType::F32, &Device::Cpu).unwrap());
    file.names().into_iter().map(|name| (name.to_string(), read(name))).collect()
}

#[test]
fn a_signal_ends_the_step_at_hand_and_keeps_it() {
    let dir = place(Layout::Sd15);
    let dir = dir.path();
    let more = ["--steps", "5000", "--trigger", "sks", "--sample", "sks", "--sample-every", "1", "--sample-steps", "1"];
    let begin = || {
        let mut child = command(dir, "ti", "x.safetensors", &more);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        (child, lines)
    };
    let drawn = |step: usize| format!("x.safetensors.samples/{step}-0.png");
    let (child, mut lines) = begin();
    assert_eq!(lines.next(), Some(drawn(1)));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    // It may be done with a few more before it hears of it.
    let done = 1 + lines.count();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(&format!("after step {done} (canceled)")), "{said}");
    let (mut child, mut lines) = begin();
    assert_eq!(lines.next(), Some(drawn(done + 1)));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_does_not_learn_is_as_it_was() {
    let dir = place(Layout::Sdxl);
    succeeds(command(dir.path(), "ckp", "ckp", &["--steps", "1"]));
    let same = |file: &str| values(&dir.path().join("model").join(file)) == values(&dir.path().join("ckp").join(file));
    for part in ["text_encoder/model", "text_encoder_2/model", "vae/diffusion_pytorch_model"] {
        assert!(same(&format!("{part}.safetensors")), "{part}");
    }
    assert!(!same("unet/diffusion_pytorch_model.safetensors"));
}

/// A limit on the size of files stands for a disk that is full: writing fails in the middle.
#[test]
fn a_full_disk_is_said_before_anything_is_learnt() {
    let dir = place(Layout::Sd15);
    let plain = command(dir.path(), "ckp", "x.safetensors", &["--steps", "1", "--sample", "sks"]);
    let mut limited = Command::new("sh");
    limited.current_dir(dir.path()).args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"]);
    limited.arg(plain.get_program()).args(plain.get_args());
    let Output { status, stdout, stderr } = limited.output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert!(!status.success() && stdout.is_empty() && said.contains("state_failed"), "{said}");
    let mut left = std::fs::read_dir(dir.path().join("x.safetensors.state")).unwrap();
    assert!(left.all(|entry| entry.unwrap().file_name() == "lock"), "half a state is left");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let dir = place(Layout::Sdxl);
    let of = |threads: &str| {
        let out = format!("{threads}.safetensors");
        let mut command = command(dir.path(), "ckp", &out, &["--steps", "2", "--batch", "2", "--networks", "both"]);
        command.env("RAYON_NUM_THREADS", threads);
        succeeds(command);
        values(&dir.path().join(out))
    };
    assert!(of("1") == of("3"));
}

#[test]
fn every_kind_gives_a_file_that_draws() {
    let dir = place(Layout::Sd15);
    let dir = dir.path();
    let draw = |out: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-runner"));
        command.current_dir(dir).args(["generate", "--device", "cpu", "--prompt", "sks", "--seed", "1", "--out", out]);
        command.args(["--width", "64", "--height", "64", "--steps", "2"]).args(more);
        succeeds(command);
        std::fs::read(dir.join(out)).unwrap()
    };
    let plain = draw("plain.png", &["--model", "model"]);
    for (kind, flag) in [("lora", "--lora"), ("ti", "--embedding"), ("hyper", "--hypernetwork")] {
        let out = format!("{kind}.safetensors");
        succeeds(command(dir, kind, &out, &["--epochs", "1", "--trigger", "sks"]));
        assert!(draw("changed.png", &["--model", "model", flag, &out]) != plain, "{kind} changes nothing");
    }
    let ckp = |out| command(dir, "ckp", out, &["--steps", "1", "--ema", "0.9", "--networks", "both"]);
    succeeds(ckp("ckp"));
    assert!(draw("changed.png", &["--model", "ckp"]) != plain, "ckp changes nothing");
    // No reader of files of one piece believes that a model is as small as this one; that is said.
    let Output { status, stderr, .. } = ckp("one.safetensors").output().unwrap();
    assert!(status.success() && String::from_utf8_lossy(&stderr).contains("do not know unet norm_num_groups"));
    let one = Weights::read(&dir.join("one.safetensors")).unwrap();
    assert!(one.shape("model.diffusion_model.input_blocks.0.0.weight").is_some());
}

#[test]
fn what_can_not_be_done_is_said_before_anything_is_learnt() {
    let dir = place(Layout::Sd15);
    let dir = dir.path();
    for (kind, out, more, expected) in [
        ("lora", "x.safetensors", &["--steps", "0"][..], "plan_invalid"),
        ("lora", "x.safetensors", &["--steps", "1", "--rank", "0"], "plan_invalid"),
        ("lora", "x.safetensors", &["--steps", "1", "--lr", "NaN"], "cannot be used multiple times"),
        ("lora", "x.safetensors", &["--steps", "1", "--timesteps", "never"], "power:P"),
        ("ckp", "x.safetensors", &["--steps", "1", "--text-lr", "1e-5"], "none of which learns"),
        ("lora", "x.safetensors", &["--steps", "1", "--text-lr", "NaN"], "text_rate"),
        ("lora", "x.safetensors", &["--steps", "1", "--ema", "0.9"], "--ema"),
        ("lora", "x.safetensors", &["--steps", "1", "--sample", "x", "--sample-steps", "0"], "request_invalid"),
        ("lora", "x.safetensors", &[], "--steps"),
        ("lora", "no/where/x.safetensors", &["--steps", "1"], "not a directory"),
        ("lora", "x", &["--steps", "1"], ".safetensors"),
        ("ti", "x.safetensors", &["--steps", "1"], "--trigger"),
        ("ckp", "data", &["--steps", "1"], "something already"),
        ("ckp", "model/unet/new", &["--steps", "1"], "made from"),
    ] {
        let Output { status, stderr, .. } = command(dir, kind, out, more).output().unwrap();
        let said = String::from_utf8_lossy(&stderr);
        assert!(!status.success() && said.contains(expected), "{kind} {more:?}: {said}");
    }
    assert!(!dir.join("x.safetensors").exists());
}
