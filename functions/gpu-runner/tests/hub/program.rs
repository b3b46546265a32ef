use std::path::Path;
use std::process::{Command, Output};

use crate::server::{Fault, Rig};

fn generate(rig: &Rig, dir: &Path, model: &str, offline: bool) -> Output {
    let args = ["generate", "--model", model, "--prompt", "fox", "--out", "x.png", "--width", "64", "--height", "64"];
    Command::new(env!("CARGO_BIN_EXE_gpu-runner"))
        .args(args)
        .args(["--steps", "1", "--seed", "1"])
        .current_dir(dir)
        .env_remove("HF_HUB_CACHE")
        .env_remove("HF_TOKEN")
        .env("HF_HOME", rig.home.path())
        .env("HF_ENDPOINT", &rig.server.endpoint)
        .env("HF_HUB_OFFLINE", if offline { "1" } else { "0" })
        .output()
        .unwrap()
}

#[test]
fn a_name_draws_what_its_directory_draws() {
    let rig = Rig::new();
    let dir = tempfile::TempDir::new().unwrap();
    let fails = |model: &str, offline, expected: &str| {
        let output = generate(&rig, dir.path(), model, offline);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    };
    let draws = |model: &str, offline| {
        let output = generate(&rig, dir.path(), model, offline);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(dir.path().join("x.png")).unwrap()
    };
    fails("org/tiny", true, "HF_HUB_OFFLINE");
    fails("org/none", false, "model_not_found");
    rig.server.fault("model_index.json", Fault::Status(401));
    fails("org/tiny", false, "hub_denied");
    rig.server.well();

    let by_name = draws("org/tiny", false);
    assert!(by_name == draws("org/tiny@main", true));
    assert!(String::from_utf8_lossy(&by_name).contains("Model: org/tiny"));
    let by_path = draws(rig.repository.path().to_str().unwrap(), true);
    let pixels = |png: &[u8]| {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png.to_vec())).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    };
    assert!(pixels(&by_name) == pixels(&by_path));
}
