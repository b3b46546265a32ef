//! Builds functions for Workers: one cargo call for all of them, then one bundle each, in parallel.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result};

use super::build_profile::BuildProfile;
use super::bundle;
use super::command::{cargo, run_visibly};
use super::function::Function;
use super::size_table;
use super::tools::Tools;
use super::workspace::Workspace;

/// Builds and bundles `functions`. A release build prints the table of sizes.
///
/// # Errors
/// A failed build step; a release bundle over the size limit.
pub fn run(workspace: &Workspace, tools: &Tools, functions: &[&Function], profile: BuildProfile) -> Result<()> {
    // A second build at the same time would overwrite the files of the first.
    fs::create_dir_all(&workspace.target)?;
    let lock = File::create(workspace.target.join("functions.lock"))?;
    lock.lock()?;
    let cargo_profile = profile.cargo_profile();
    let mut cargo = cargo(workspace);
    cargo.args(["build", "--target", "wasm32-unknown-unknown", "--profile", cargo_profile]);
    if profile == BuildProfile::Release {
        cargo.arg("--config").arg(release_rustflags()?);
    }
    for function in functions {
        cargo.args(["-p", &function.name]);
    }
    eprintln!("build: {} function(s), profile {cargo_profile}", functions.len());
    run_visibly(&mut cargo)?;
    let wasm_dir = workspace.target.join("wasm32-unknown-unknown").join(cargo_profile);
    bundle_all(workspace, tools, functions, &wasm_dir, profile)?;
    match profile {
        BuildProfile::Dev => Ok(()),
        BuildProfile::Release => size_table::print_and_check(workspace, functions),
    }
}

/// A `--config` value for cargo with the rustc flags of a release build.
///
/// `--remap-path-prefix` removes the path of cargo's registry from panic messages: they become shorter and the same on
/// every machine. The compact SHA-2 saves 17 KB a function; its inputs are only a few hundred bytes.
fn release_rustflags() -> Result<String> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let sources = cargo_home.context("neither CARGO_HOME nor HOME is set")?.join("registry/src");
    let remap = format!("--remap-path-prefix={}=", sources.display());
    let compact = "--cfg=sha2_backend_soft=\"compact\"";
    Ok(format!("target.wasm32-unknown-unknown.rustflags=[{remap:?}, {compact:?}]"))
}

/// Bundles on one thread a core, at most four: wasm-opt uses half a gigabyte of memory each.
fn bundle_all(
    workspace: &Workspace,
    tools: &Tools,
    functions: &[&Function],
    wasm_dir: &Path,
    profile: BuildProfile,
) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(4);
    let queue = Mutex::new(functions.iter());
    let work = || -> Result<()> {
        loop {
            let Some(function) = queue.lock().ok().and_then(|mut queue| queue.next()) else { return Ok(()) };
            let wasm = wasm_dir.join(function.wasm_file());
            if bundle::build(workspace, tools, function, &wasm, profile)? {
                eprintln!("build: {}", function.name);
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a bundling thread panicked")?)
    })
}
