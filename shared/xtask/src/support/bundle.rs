//! Bundles one function for workerd: cargo's WASM in, `index.js` and `index.wasm` out. The steps are wasm-bindgen, the
//! JavaScript shim, esbuild and, for a release, wasm-opt. A bundle whose inputs are unchanged is kept.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

use super::build_profile::BuildProfile;
use super::command::run_quietly;
use super::function::Function;
use super::shim;
use super::tools::Tools;
use super::workspace::Workspace;

/// Version of the steps in this file. Raise it when they change, so that existing bundles are built again.
const STEPS_VERSION: &str = "2";

/// WASM features that rustc and wasm-bindgen emit by default. wasm-opt must accept these and add no others.
const WASM_FEATURES: [&str; 8] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-exception-handling", // for the tag of wasm-bindgen's abort handler
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// The folder of a function's bundle.
pub fn dir(workspace: &Workspace, function: &Function, profile: BuildProfile) -> PathBuf {
    workspace.target.join(profile.bundle_folder()).join(&function.name)
}

/// Builds the bundle from `input`, the WASM file that cargo wrote. Returns false when it was up to date.
pub fn build(
    workspace: &Workspace,
    tools: &Tools,
    function: &Function,
    input: &Path,
    profile: BuildProfile,
) -> Result<bool> {
    let release = profile == BuildProfile::Release;
    let out = dir(workspace, function, profile);
    let wasm = fs::read(input).with_context(|| format!("cargo did not write {}", input.display()))?;
    let fingerprint = fingerprint(function, &wasm);
    let fingerprint_file = out.join("fingerprint");
    if fs::read_to_string(&fingerprint_file).is_ok_and(|existing| existing == fingerprint) {
        return Ok(false);
    }
    let parts = out.join("parts");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&parts)?;
    write_bindings(function, wasm, &parts, !release).with_context(|| format!("wasm-bindgen on {}", function.name))?;

    let mut esbuild = tools.esbuild();
    esbuild.args(["entry.js", "--bundle", "--format=esm", "--log-level=error", "--outfile=../index.js"]);
    esbuild.args(["--external:./index.wasm", "--external:cloudflare:*"]);
    if release {
        esbuild.arg("--minify");
    }
    run_quietly(esbuild.current_dir(&parts)).with_context(|| format!("esbuild on {}", function.name))?;

    if release {
        let mut wasm_opt = tools.wasm_opt();
        wasm_opt
            .args(WASM_FEATURES)
            .args(["-Oz", "--converge"])
            .arg(parts.join("index.wasm"))
            .arg("-o")
            .arg(out.join("index.wasm"));
        run_quietly(&mut wasm_opt).with_context(|| format!("wasm-opt on {}", function.name))?;
    } else {
        fs::rename(parts.join("index.wasm"), out.join("index.wasm"))?;
    }
    fs::remove_dir_all(&parts)?;
    fs::write(fingerprint_file, fingerprint)?;
    Ok(true)
}

/// Runs wasm-bindgen and writes `entry.js`, `bindings.js` with its snippets, and `index.wasm` into `parts`.
fn write_bindings(function: &Function, wasm: Vec<u8>, parts: &Path, prefix_logs: bool) -> Result<()> {
    let mut output = Bindgen::new()
        .input_bytes("index", wasm)
        .module(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        // After a panic the instance is unusable. The next call replaces it, so later calls do not fail.
        .reset_state_function(true)
        .force_enable_abort_handler(true)
        .generate_output()?;
    // workerd has no source-phase imports yet. A plain import of a .wasm file gives the same compiled module.
    let js = output
        .js()
        .replace("import source wasmModule from \"./index_bg.wasm\"", "import wasmModule from \"./index.wasm\"");
    fs::write(parts.join("entry.js"), shim::render(function, &js, prefix_logs))?;
    fs::write(parts.join("bindings.js"), js)?;
    for (krate, snippets) in output.snippets() {
        let dir = parts.join("snippets").join(krate);
        fs::create_dir_all(&dir)?;
        for (number, text) in snippets.iter().enumerate() {
            fs::write(dir.join(format!("inline{number}.js")), text)?;
        }
    }
    fs::write(parts.join("index.wasm"), output.wasm_mut().emit_wasm())?;
    Ok(())
}

/// A hash of everything a bundle is made from, tools aside.
fn fingerprint(function: &Function, wasm: &[u8]) -> String {
    let mut hash = DefaultHasher::new();
    hash.write(wasm);
    hash.write(format!("{STEPS_VERSION} {:?} {}", function.metadata, include_str!("shim.rs")).as_bytes());
    format!("{:016x}", hash.finish())
}

/// Sizes of a bundle in bytes: (WASM, JavaScript), each gzipped at level 9.
pub fn gzipped_sizes(dir: &Path) -> Result<(usize, usize)> {
    let size = |name: &str| -> Result<usize> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&fs::read(dir.join(name))?)?;
        Ok(encoder.finish()?.len())
    };
    Ok((size("index.wasm")?, size("index.js")?))
}
