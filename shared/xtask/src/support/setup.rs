//! Installs what the commands need from outside: WASM targets, npm packages, and Node where it is too old.
//! Returns at once when all of it is present.

pub mod cargo_machete;
mod node;
pub mod python;

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::command::{output, run_quietly};
use super::tools::Tools;
use super::workspace::Workspace;

/// Options of every `npm install` here. Nothing that is installed needs its install script.
const NPM_INSTALL: [&str; 6] =
    ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/// Installs what is missing, with a message for each slow step, and returns the tools.
pub fn run(workspace: &Workspace) -> Result<Tools> {
    install_targets(workspace)?;
    install_npm_packages(workspace)?;
    Ok(Tools::new(node::find_or_install(workspace)?, workspace.path("node_modules")))
}

/// Installs the targets of rust-toolchain.toml. rustup does this for toolchains of its own; others may lack them.
fn install_targets(workspace: &Workspace) -> Result<()> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(&workspace.root))
        .context("rustc does not start: install Rust from https://rustup.rs")?;
    for target in ["wasm32-unknown-unknown", "wasm32-wasip2"] {
        if Path::new(sysroot.trim()).join("lib/rustlib").join(target).is_dir() {
            continue;
        }
        eprintln!("setup: rustup target add {target}");
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", target]).current_dir(&workspace.root);
        run_quietly(&mut rustup).with_context(|| format!("run: rustup target add {target}"))?;
    }
    Ok(())
}

/// Installs the npm packages, once for each content of package-lock.json.
fn install_npm_packages(workspace: &Workspace) -> Result<()> {
    let lock_file =
        fs::read(workspace.path("package-lock.json")).context("package-lock.json is missing from the checkout")?;
    let mut hash = DefaultHasher::new();
    hash.write(&lock_file);
    let lock_hash = format!("{:016x}", hash.finish());
    let installed_file = workspace.path("node_modules/.setup");
    if fs::read_to_string(&installed_file).is_ok_and(|installed| installed == lock_hash) {
        return Ok(());
    }
    eprintln!("setup: npm install (wrangler, workerd, binaryen; about 340 MB)");
    // `npm ci` refuses a lock file without every platform's workerd, and some registries lack some of them.
    // `npm install --no-save` follows the lock file as well.
    let mut npm = Command::new("npm");
    npm.args(NPM_INSTALL).current_dir(&workspace.root);
    run_quietly(&mut npm).context("npm install failed: is Node with npm installed, and the npm registry reachable?")?;
    fs::write(installed_file, lock_hash)?;
    Ok(())
}
