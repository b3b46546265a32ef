//! The commands that draw, with a model that draws colours.

use std::path::Path;
use std::process::{Command, Output};

use gpu_runner::tiny::{self, Layout};

fn starter(args: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_starter")).args(args).current_dir(dir).output().unwrap()
}

fn succeeds(args: &[&str], dir: &Path) -> String {
    let output = starter(args, dir);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_model_is_measured_and_shown() {
    let dir = tempfile::TempDir::new().unwrap();
    let dir = dir.path();
    tiny::write(&dir.join("model"), Layout::Sd15, 3).unwrap();
    let measure = ["measure", "--model", "model", "--prompts", "6", "--pairs", "0.5", "--steps", "1", "--out", "seen"];
    let table = succeeds(&measure, dir);
    assert!(table.starts_with("| prompts | pictures |") && table.contains("\n| all | 6 |"), "{table}");
    let lines = std::fs::read_to_string(dir.join("seen/pictures.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 6);
    let prompts: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // The same scene in each language, and never one of the training's.
    assert_eq!(prompts[0]["wanted"], prompts[1]["wanted"]);
    assert!(prompts[0]["prompt"].as_str().unwrap().is_ascii() && !prompts[1]["prompt"].as_str().unwrap().is_ascii());
    assert!(dir.join("seen/000005.png").is_file());

    let table = succeeds(&["grid", "--model", "model", "--steps", "1", "--shown", "32", "--out", "grid.png"], dir);
    assert!(table.contains("| a red heart on a white background |"), "{table}");
    let size = std::fs::metadata(dir.join("grid.png")).unwrap().len();
    assert!((1..=300 << 10).contains(&size), "{size}");
}

#[test]
fn all_lessons_end_in_a_model() {
    let dir = tempfile::TempDir::new().unwrap();
    let dir = dir.path();
    let few = ["--autoencoder-steps", "2", "--decoder-steps", "2", "--words-steps", "2", "--scenes", "8"];
    let train = |more: &[&str]| {
        let train = ["train", "--out", "model", "--look-every", "1"];
        starter(&[&train[..], more].concat(), dir)
    };
    let whole = [&few[..], &["--steps", "2"]].concat();
    assert!(train(&whole).status.success());
    for model in ["model", "model.training/after-1", "model.training/after-2"] {
        let table = succeeds(&["measure", "--model", model, "--prompts", "2", "--steps", "1"], dir);
        assert!(table.contains("\n| all | 2 |"), "{table}");
    }
    let bytes = |model: &str, file: &str| std::fs::read(dir.join(model).join(file)).unwrap();
    let unet = |model: &str| bytes(model, "unet/diffusion_pytorch_model.safetensors");
    assert!(unet("model") == unet("model.training/after-2") && unet("model") != unet("model.training/after-1"));

    // Lessons that are done are not done again; a model that is there stays, and another plan is not taken for this
    // one.
    std::fs::rename(dir.join("model"), dir.join("first")).unwrap();
    assert!(train(&whole).status.success());
    for part in ["unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"] {
        let file = format!("{part}.safetensors");
        assert!(bytes("first", &file) == bytes("model", &file), "{part}");
    }
    for other in ["--steps", "--decoder-steps", "--words-steps", "--scenes"] {
        let mut others = whole.clone();
        let place = others.iter().position(|given| *given == other).unwrap();
        others[place + 1] = "9";
        let again = train(&others);
        let said = String::from_utf8_lossy(&again.stderr);
        assert!(!again.status.success() && said.contains("state_mismatch"), "{other}: {said}");
    }
}

#[test]
fn true_pictures_are_right() {
    let dir = tempfile::TempDir::new().unwrap();
    let dir = dir.path();
    succeeds(&["data", "--out", "world", "--count", "40", "--held-out", "--pairs", "0.25"], dir);
    let table = succeeds(&["judge", "--pictures", "world"], dir);
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(rows.len(), 2, "{table}");
    assert!(rows.iter().all(|row| row.matches("100.0 %").count() == 5), "{table}");
}

#[test]
fn what_goes_wrong_is_said() {
    let dir = tempfile::TempDir::new().unwrap();
    let dir = dir.path();
    std::fs::create_dir(dir.join("empty")).unwrap();
    std::fs::write(dir.join("empty/scenes.jsonl"), "{\"caption\": 3}\n").unwrap();
    let cases: [(&[&str], &str); 4] = [
        (&["measure", "--model", "nowhere", "--prompts", "2"], "model_not_found"),
        (&["measure", "--model", "nowhere", "--prompts", "0"], "no prompts"),
        (&["judge", "--pictures", "nowhere"], "scenes.jsonl"),
        (&["judge", "--pictures", "empty"], "scenes.jsonl:1"),
    ];
    for (args, expected) in cases {
        let output = starter(args, dir);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(expected), "{args:?}: {error}");
    }
}
