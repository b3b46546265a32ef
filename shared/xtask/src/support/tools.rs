//! Commands for the external tools that `setup` installs: Node, wrangler, wasm-opt, esbuild.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Paths of the installed tools.
#[derive(Clone)]
pub struct Tools {
    node: PathBuf,
    node_modules: PathBuf,
}

impl Tools {
    pub fn new(node: PathBuf, node_modules: PathBuf) -> Self {
        Self { node, node_modules }
    }

    /// Node running `script`, without warnings and without calls to Cloudflare.
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

    /// The path of Node's executable.
    pub fn node_path(&self) -> &Path {
        &self.node
    }

    pub fn wrangler(&self) -> Command {
        self.node(self.node_modules.join("wrangler/bin/wrangler.js"))
    }

    pub fn wasm_opt(&self) -> Command {
        self.node(self.node_modules.join("binaryen/bin/wasm-opt"))
    }

    /// The native executable of esbuild; the npm package's script would only start it.
    pub fn esbuild(&self) -> Command {
        Command::new(self.node_modules.join(format!("@esbuild/{}/bin/esbuild", npm_platform())))
    }
}

/// This machine as npm names it in packages of native executables: `linux-x64`, `darwin-arm64` and so on.
pub fn npm_platform() -> String {
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let cpu = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    format!("{os}-{cpu}")
}
