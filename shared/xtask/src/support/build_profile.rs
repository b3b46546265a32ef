//! The two ways a function is built for Workers.

/// Determines the cargo profile, whether wasm-opt runs, and the folder of the bundles.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BuildProfile {
    /// Quick to build, for tests and `cargo xtask dev`.
    Dev,
    /// Optimised for size, for deployments and benchmarks.
    Release,
}

impl BuildProfile {
    /// The profile in the workspace's Cargo.toml.
    pub fn cargo_profile(self) -> &'static str {
        match self {
            BuildProfile::Dev => "wasm-dev",
            BuildProfile::Release => "wasm-release",
        }
    }

    /// The folder under `target/` that holds the bundles.
    pub fn bundle_folder(self) -> &'static str {
        match self {
            BuildProfile::Dev => "functions",
            BuildProfile::Release => "functions-release",
        }
    }
}
