//! One function's WASM as cargo leaves it → `index.js` and `index.wasm` as workerd takes them: wasm-bindgen, our shim,
//! esbuild and, for a release, wasm-opt. Skipped when neither the WASM nor the recipe has changed.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

use crate::setup::{Tools, quiet};
use crate::shim;
use crate::workspace::{Function, Workspace};

/// Raise it when the recipe below changes, so that finished bundles are made again.
const RECIPE: &str = "1";

/// What rustc and wasm-bindgen emit by default; wasm-opt must accept it and add nothing else.
const WASM_FEATURES: [&str; 8] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-exception-handling", // the tag of the abort handler wasm-bindgen adds
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Where a function's bundle is.
pub fn dir(workspace: &Workspace, function: &Function, release: bool) -> PathBuf {
    let kind = if release { "functions-release" } else { "functions" };
    workspace.target.join(kind).join(&function.name)
}

/// Makes the bundle from `input`, cargo's WASM. True when there was something to do.
pub fn make(workspace: &Workspace, tools: &Tools, function: &Function, input: &Path, release: bool) -> Result<bool> {
    let out = dir(workspace, function, release);
    let wasm = fs::read(input).with_context(|| format!("cargo left no {}", input.display()))?;
    let stamp = fingerprint(function, &wasm);
    let stamp_file = out.join("stamp");
    if fs::read_to_string(&stamp_file).is_ok_and(|have| have == stamp) {
        return Ok(false);
    }
    let parts = out.join("parts");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&parts)?;
    bindings(function, wasm, &parts, !release).with_context(|| format!("wasm-bindgen on {}", function.name))?;

    let mut esbuild = tools.esbuild();
    esbuild.args(["entry.js", "--bundle", "--format=esm", "--log-level=error", "--outfile=../index.js"]);
    esbuild.args(["--external:./index.wasm", "--external:cloudflare:*"]);
    if release {
        esbuild.arg("--minify");
    }
    quiet(esbuild.current_dir(&parts)).with_context(|| format!("esbuild on {}", function.name))?;

    if release {
        let mut optimise = tools.wasm_opt();
        optimise.args(WASM_FEATURES).arg("-Oz").arg(parts.join("index.wasm")).arg("-o").arg(out.join("index.wasm"));
        quiet(&mut optimise).with_context(|| format!("wasm-opt on {}", function.name))?;
    } else {
        fs::rename(parts.join("index.wasm"), out.join("index.wasm"))?;
    }
    fs::remove_dir_all(&parts)?;
    fs::write(stamp_file, stamp)?;
    Ok(true)
}

/// Writes `entry.js`, `bindings.js` with its snippets, and `index.wasm`.
fn bindings(function: &Function, wasm: Vec<u8>, parts: &Path, prefix: bool) -> Result<()> {
    let mut output = Bindgen::new()
        .input_bytes("index", wasm)
        .module(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        // A panic makes the instance unusable: it is replaced on the next call instead of failing every later one.
        .reset_state_function(true)
        .force_enable_abort_handler(true)
        .generate_output()?;
    // workerd has no source-phase imports yet; a plain import of a .wasm gives the same compiled module.
    let js = output
        .js()
        .replace("import source wasmModule from \"./index_bg.wasm\"", "import wasmModule from \"./index.wasm\"");
    fs::write(parts.join("entry.js"), shim::render(function, &js, prefix))?;
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

fn fingerprint(function: &Function, wasm: &[u8]) -> String {
    let mut hash = DefaultHasher::new();
    hash.write(wasm);
    hash.write(format!("{RECIPE} {:?} {}", function.spec, include_str!("shim.rs")).as_bytes());
    format!("{:016x}", hash.finish())
}

/// Bytes of the bundle as the platform counts them: (WASM, JavaScript), each gzipped at level 9.
pub fn gzipped(dir: &Path) -> Result<(usize, usize)> {
    let size = |name: &str| -> Result<usize> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&fs::read(dir.join(name))?)?;
        Ok(encoder.finish()?.len())
    };
    Ok((size("index.wasm")?, size("index.js")?))
}
