//! Node: the system's when it is new enough for wrangler, else one from npm, kept under `target/tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::NPM_INSTALL;
use crate::support::command::{output, run_quietly};
use crate::support::tools::npm_platform;
use crate::support::workspace::Workspace;

/// Minimum version of Node for wrangler and miniflare.
const MIN_VERSION: (u32, u32) = (22, 12);
/// The version that is installed from npm: an LTS release.
const NPM_VERSION: &str = "24.21.0";

/// Returns the path of a Node that is new enough, and installs one when necessary.
pub fn find_or_install(workspace: &Workspace) -> Result<PathBuf> {
    if version(Path::new("node")).is_some_and(|version| version >= MIN_VERSION) {
        return Ok("node".into());
    }
    let platform = npm_platform();
    let prefix = if platform == "darwin-arm64" { "node-bin" } else { "node" };
    let package = format!("{prefix}-{platform}");
    let home = workspace.target.join("tools").join(format!("node-{NPM_VERSION}"));
    let node = home.join("node_modules").join(&package).join("bin/node");
    let (major, minor) = MIN_VERSION;
    if !node.is_file() {
        eprintln!("setup: Node {NPM_VERSION} from npm (the system's is older than {major}.{minor})");
        fs::create_dir_all(&home)?;
        let mut npm = Command::new("npm");
        npm.args(NPM_INSTALL).arg("--prefix").arg(&home).arg(format!("{package}@{NPM_VERSION}"));
        run_quietly(&mut npm)
            .with_context(|| format!("no Node ≥ {major}.{minor}: install one from https://nodejs.org"))?;
    }
    match version(&node) {
        Some(_) => Ok(node),
        None => bail!("{} does not start: install Node ≥ {major}.{minor}", node.display()),
    }
}

/// The version of `node`, (major, minor); none when it does not start.
fn version(node: &Path) -> Option<(u32, u32)> {
    parse_version(&output(Command::new(node).arg("--version")).ok()?)
}

/// Reads the output of `node --version`, such as `v24.21.0`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().trim_start_matches('v').split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse_version("v24.21.0\n"), Some((24, 21)));
        assert!(parse_version("v22.9.0").expect("a version") < MIN_VERSION);
        assert!(parse_version("v22.12.0").expect("a version") >= MIN_VERSION);
        assert_eq!(parse_version("node"), None);
    }
}
