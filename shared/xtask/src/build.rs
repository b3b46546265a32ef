//! `cargo xtask build`: all functions in one cargo call, then a bundle per function, two at a time. A release ends with
//! the table of sizes and fails when one is over the bar.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::bundle;
use crate::setup::{Tools, cargo, shown};
use crate::workspace::{Function, Workspace};

/// A function's WASM and JavaScript together, gzipped, in bytes.
const SIZE_BAR: usize = 250 * 1024;

pub fn run(workspace: &Workspace, tools: &Tools, functions: &[&Function], release: bool) -> Result<()> {
    let profile = if release { "wasm-release" } else { "wasm-dev" };
    // Two builds at once would take each other's files away.
    fs::create_dir_all(&workspace.target)?;
    let lock = File::create(workspace.target.join("functions.lock"))?;
    lock.lock()?;
    let mut cargo = cargo(workspace);
    cargo.args(["build", "--target", "wasm32-unknown-unknown", "--profile", profile]);
    if release {
        cargo.arg("--config").arg(flags()?);
    }
    for function in functions {
        cargo.args(["-p", &function.name]);
    }
    eprintln!("build: {} function(s), profile {profile}", functions.len());
    shown(cargo.current_dir(&workspace.root))?;
    let built = workspace.target.join("wasm32-unknown-unknown").join(profile);
    bundle_all(workspace, tools, functions, &built, release)?;
    if release { sizes(workspace, functions) } else { Ok(()) }
}

/// Leaves the place of cargo's sources out of panic messages: shorter, and the same on every machine. SHA-2 in its
/// compact form: unrolled it is 17 KB of every function, for hashes of a few hundred bytes.
fn flags() -> Result<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let sources = home.context("neither CARGO_HOME nor HOME is set")?.join("registry/src");
    let remap = format!("--remap-path-prefix={}=", sources.display());
    let compact = "--cfg=sha2_backend_soft=\"compact\"";
    Ok(format!("target.wasm32-unknown-unknown.rustflags=[{remap:?}, {compact:?}]"))
}

/// Bundles on as many threads as there are cores, at most four: wasm-opt wants half a gigabyte each.
fn bundle_all(ws: &Workspace, tools: &Tools, functions: &[&Function], built: &Path, release: bool) -> Result<()> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(4);
    let queue = Mutex::new(functions.iter());
    let work = || -> Result<()> {
        loop {
            let Some(function) = queue.lock().ok().and_then(|mut queue| queue.next()) else { return Ok(()) };
            let input = built.join(format!("{}.wasm", function.name.replace('-', "_")));
            if bundle::make(ws, tools, function, &input, release)? {
                eprintln!("build: {}", function.name);
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a bundling thread panicked")?)
    })
}

fn sizes(workspace: &Workspace, functions: &[&Function]) -> Result<()> {
    let kib = |bytes: usize| bytes as f64 / 1024.0;
    println!("{:<14}{:>10}{:>10}{:>10}  KiB, gzipped", "function", "wasm", "js", "sum");
    let mut over = Vec::new();
    for function in functions {
        let (wasm, js) = bundle::gzipped(&bundle::dir(workspace, function, true))?;
        println!("{:<14}{:>10.1}{:>10.1}{:>10.1}", function.name, kib(wasm), kib(js), kib(wasm + js));
        if wasm + js > SIZE_BAR {
            over.push(function.name.as_str());
        }
    }
    ensure!(over.is_empty(), "over {} KiB: {}", kib(SIZE_BAR), over.join(", "));
    Ok(())
}
