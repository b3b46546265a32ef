//! The arrows of docs/ARCHITECTURE.md, held against `cargo metadata`: which crate of ours may depend on which.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Crate → the crates of ours it may name, in `[dependencies]`; tests may also use the kit in `edge`.
fn allowed(name: &str, folder: &str) -> &'static [&'static str] {
    match (name, folder) {
        ("domain" | "xtask", _) => &[],
        ("ports", _) => &["domain"],
        ("store", _) => &["domain", "ports"],
        ("web", _) => &["domain", "ports", "store"],
        ("edge", _) => &["domain", "ports", "store", "web"],
        ("gpu-runner", _) | ("tests", _) => &["domain"],
        ("starter", _) => &["domain", "gpu-runner"],
        (_, "functions" | "tests") => &["domain", "ports", "store", "web", "edge"],
        _ => &[],
    }
}

/// Package → (folder it lies in, packages of the workspace it depends on).
fn arrows() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
    let packages = metadata["packages"].as_array().expect("packages");
    let names: BTreeSet<String> = packages.iter().map(|p| text(&p["name"])).collect();
    let root = text(&metadata["workspace_root"]);
    packages
        .iter()
        .map(|package| {
            let path = text(&package["manifest_path"]).replace(&root, "");
            let folder = path.split('/').nth(1).unwrap_or_default().to_string();
            let dependencies = package["dependencies"].as_array().into_iter().flatten();
            let ours =
                dependencies.filter(|d| d["kind"] != "dev").map(|d| text(&d["name"])).filter(|d| names.contains(d));
            (text(&package["name"]), (folder, ours.collect()))
        })
        .collect()
}

#[test]
fn dependencies_follow_the_arrows() {
    let arrows = arrows();
    assert!(arrows.len() > 10 && arrows["web"].1.contains("store"), "the metadata was read");
    for (name, (folder, ours)) in arrows {
        for dependency in ours {
            assert!(allowed(&name, &folder).contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}
