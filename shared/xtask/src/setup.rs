//! What the other commands need from outside: WASM targets, npm packages at the versions of package-lock.json, and a
//! Node new enough for wrangler. Does nothing, at once, when all is there.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// wrangler and miniflare need at least this Node.
const NODE_MIN: (u32, u32) = (22, 12);
/// The Node fetched from npm where the system's is older or absent: an LTS release.
const NODE_NPM: &str = "24.21.0";
/// So much of the output of a failed command is shown.
const SHOWN_LINES: usize = 30;

/// Where the tools are.
#[derive(Clone)]
pub struct Tools {
    node: PathBuf,
    modules: PathBuf,
}

impl Tools {
    /// Node running a script, quiet and without calls to the outside.
    pub fn node(&self, script: impl AsRef<Path>) -> Command {
        let mut command = Command::new(&self.node);
        command
            .arg("--no-warnings")
            .arg(script.as_ref())
            .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
            .env("WRANGLER_SEND_METRICS", "false")
            .env("X_LOCAL_OBSERVABILITY", "false");
        command
    }

    /// Node itself, for others to run.
    pub fn node_bin(&self) -> &Path {
        &self.node
    }

    pub fn wrangler(&self) -> Command {
        self.node(self.modules.join("wrangler/bin/wrangler.js"))
    }

    pub fn wasm_opt(&self) -> Command {
        self.node(self.modules.join("binaryen/bin/wasm-opt"))
    }

    /// esbuild's own executable; the script around it only starts it.
    pub fn esbuild(&self) -> Command {
        let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
        let cpu = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        Command::new(self.modules.join(format!("@esbuild/{os}-{cpu}/bin/esbuild")))
    }
}

/// Cargo in the workspace, as if called by hand: what `cargo run` told this process about itself would make some build
/// scripts (ring's) run again, and everything above them be compiled again.
pub fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo.current_dir(&workspace.root);
    cargo
}

/// Makes sure that everything is there, telling what takes time.
pub fn run(workspace: &Workspace) -> Result<Tools> {
    targets(workspace)?;
    packages(workspace)?;
    Ok(Tools { node: node(workspace)?, modules: workspace.path("node_modules") })
}

/// The targets named in rust-toolchain.toml. rustup installs them itself for its own toolchains, so this acts only
/// where the toolchain was made without them.
fn targets(workspace: &Workspace) -> Result<()> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(&workspace.root))
        .context("rustc does not start: install Rust from https://rustup.rs")?;
    for target in ["wasm32-unknown-unknown", "wasm32-wasip2"] {
        if Path::new(sysroot.trim()).join("lib/rustlib").join(target).is_dir() {
            continue;
        }
        eprintln!("setup: rustup target add {target}");
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", target]).current_dir(&workspace.root);
        quiet(&mut rustup).with_context(|| format!("run: rustup target add {target}"))?;
    }
    Ok(())
}

/// npm packages, once per package-lock.json.
fn packages(workspace: &Workspace) -> Result<()> {
    let lock =
        fs::read(workspace.path("package-lock.json")).context("package-lock.json is missing from the checkout")?;
    let mut hash = DefaultHasher::new();
    hash.write(&lock);
    let want = format!("{:016x}", hash.finish());
    let stamp = workspace.path("node_modules/.setup");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == want) {
        return Ok(());
    }
    eprintln!("setup: npm install (wrangler, workerd, binaryen; about 340 MB)");
    // Not `npm ci`: it refuses a lock file without every platform's workerd, and registries may lack some. `--no-save`
    // keeps to the lock file just the same. Nothing here needs its install script.
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&workspace.root);
    quiet(&mut npm).context("npm install failed: is Node with npm installed, and the npm registry reachable?")?;
    fs::write(stamp, want)?;
    Ok(())
}

/// The system's Node when it is new enough, else one from npm, kept under `target/`.
fn node(workspace: &Workspace) -> Result<PathBuf> {
    if version(Path::new("node")).is_some_and(|version| version >= NODE_MIN) {
        return Ok("node".into());
    }
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let cpu = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let prefix = if (os, cpu) == ("darwin", "arm64") { "node-bin" } else { "node" };
    let package = format!("{prefix}-{os}-{cpu}");
    let home = workspace.target.join("tools").join(format!("node-{NODE_NPM}"));
    let node = home.join("node_modules").join(&package).join("bin/node");
    if !node.is_file() {
        let (major, minor) = NODE_MIN;
        eprintln!("setup: Node {NODE_NPM} from npm (the system's is older than {major}.{minor})");
        fs::create_dir_all(&home)?;
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            "--prefix",
        ]);
        npm.arg(&home).arg(format!("{package}@{NODE_NPM}"));
        quiet(&mut npm).with_context(|| format!("no Node ≥ {major}.{minor}: install one from https://nodejs.org"))?;
    }
    match version(&node) {
        Some(_) => Ok(node),
        None => bail!("{} does not start: install Node ≥ {}.{}", node.display(), NODE_MIN.0, NODE_MIN.1),
    }
}

fn version(node: &Path) -> Option<(u32, u32)> {
    let text = output(Command::new(node).arg("--version")).ok()?;
    let mut parts = text.trim().trim_start_matches('v').split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

/// Standard output of a command that must succeed.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    anyhow::ensure!(output.status.success(), "{} ended with {}", name(command), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command that must succeed; its output is shown only when it does not.
pub fn quiet(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{} does not start", name(command)))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES)) {
        eprintln!("  {line}");
    }
    bail!("{} ended with {}", name(command), output.status)
}

/// A command that must succeed and whose output the user should see.
pub fn shown(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("{} does not start", name(command)))?;
    anyhow::ensure!(status.success(), "{} ended with {status}", name(command));
    Ok(())
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}
