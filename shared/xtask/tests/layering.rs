//! Checks the dependencies between the crates of this workspace against one table: the layers of docs/ARCHITECTURE.md.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// A row for each crate: its folder, and the crates of this workspace that it may depend on.
///
/// A crate may name only crates of the rows above it, so the table has no cycles. `*` stands for one folder name; the
/// first row that matches counts. A new crate needs a row here.
const LAYERS: &[(&str, &[&str])] = &[
    ("shared/domain", &[]),
    ("shared/media", &[]),
    ("shared/similarity", &[]),
    ("shared/protocol", &["domain"]),
    ("shared/ports", &["domain"]),
    ("shared/store", &["domain", "media", "protocol", "ports"]),
    ("shared/web", &["domain", "ports", "store"]),
    ("shared/submit", &["domain", "protocol", "store", "web"]),
    ("shared/edge", &["domain", "ports", "store", "web"]),
    ("functions/gpu-runner", &["domain", "protocol"]),
    ("functions/*", &["domain", "media", "protocol", "ports", "store", "web", "submit", "edge"]),
    ("shared/testkit", &["domain", "protocol", "ports", "store", "web", "edge"]),
    ("shared/starter", &["gpu-runner"]),
    ("shared/xtask", &[]),
    ("tests", &["domain", "protocol"]),
    ("tests/conformance", &["ports", "store", "web", "edge"]),
];

/// Crates that the tests of every crate may use in addition (`[dev-dependencies]`).
const TEST_KITS: &[&str] = &["testkit"];

/// A crate of this workspace.
struct Package {
    name: String,
    /// Its folder, relative to the root.
    folder: String,
    /// Crates of this workspace in `[dependencies]` and `[build-dependencies]`, for any target.
    dependencies: BTreeSet<String>,
    /// Crates of this workspace in `[dev-dependencies]`.
    dev_dependencies: BTreeSet<String>,
}

/// Reads the crates of this workspace from `cargo metadata`.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let root = format!("{}/", text(&metadata["workspace_root"]));
    let packages = metadata["packages"].as_array().expect("packages");
    let names: BTreeSet<String> = packages.iter().map(|package| text(&package["name"])).collect();
    let package = |package: &Value| {
        let dependencies = |is_dev: bool| {
            let all = package["dependencies"].as_array().expect("dependencies").iter();
            let of_kind = all.filter(move |dependency| (dependency["kind"] == "dev") == is_dev);
            of_kind.map(|dependency| text(&dependency["name"])).filter(|name| names.contains(name)).collect()
        };
        let manifest = text(&package["manifest_path"]);
        let folder = manifest.strip_prefix(&root).and_then(|path| path.strip_suffix("/Cargo.toml"));
        Package {
            name: text(&package["name"]),
            folder: folder.expect("a folder under the root").to_owned(),
            dependencies: dependencies(false),
            dev_dependencies: dependencies(true),
        }
    };
    packages.iter().map(package).collect()
}

/// The index of the row for a folder.
fn row_of(folder: &str) -> Option<usize> {
    LAYERS.iter().position(|(pattern, _)| match pattern.strip_suffix('*') {
        Some(prefix) => folder.strip_prefix(prefix).is_some_and(|name| !name.contains('/')),
        None => folder == *pattern,
    })
}

#[test]
fn dependencies_follow_the_layers() {
    let packages = packages();
    let web = packages.iter().find(|package| package.name == "web").expect("the crate web");
    assert!(packages.len() > 10 && web.dependencies.contains("store"), "the metadata was read");
    for Package { name, folder, dependencies, dev_dependencies } in packages {
        let row = row_of(&folder).unwrap_or_else(|| panic!("{folder} has no row in LAYERS"));
        let (_, allowed) = LAYERS[row];
        for dependency in &dependencies {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
        for dependency in &dev_dependencies {
            let allowed = allowed.contains(&dependency.as_str()) || TEST_KITS.contains(&dependency.as_str());
            assert!(allowed, "the tests of {name} must not depend on {dependency}");
        }
    }
}

#[test]
fn the_table_is_ordered_and_has_no_stale_rows() {
    let packages = packages();
    for (row, (pattern, allowed)) in LAYERS.iter().enumerate() {
        assert!(packages.iter().any(|package| row_of(&package.folder) == Some(row)), "no crate matches {pattern}");
        for name in *allowed {
            let dependency = packages.iter().find(|package| package.name == *name);
            let dependency = dependency.unwrap_or_else(|| panic!("{pattern} names {name}, which does not exist"));
            assert!(row_of(&dependency.folder) < Some(row), "{pattern} names {name}, which is not above it");
        }
    }
}
