//! A function: a crate with `[package.metadata.function]`, and what that section says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// A crate that is built into a Worker and, when it has routes, into a Spin component.
pub struct Function {
    /// The name of the crate and of its folder.
    pub name: String,
    /// The folder of its Cargo.toml.
    pub dir: PathBuf,
    pub metadata: FunctionMetadata,
}

/// The section `[package.metadata.function]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionMetadata {
    /// The public entry Worker, which calls all others. Exactly one function has it.
    #[serde(default)]
    pub entry: bool,
    /// Built and started for tests only, never deployed.
    #[serde(default)]
    pub test_only: bool,
    /// Path prefixes that the entry sends here. A prefix matches whole segments.
    #[serde(default)]
    pub routes: Vec<String>,
    /// The form of replies. The function's own code decides; this field only documents it.
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "checked here, used by the function's own crate"))]
    pub dialect: Option<Dialect>,
    /// Capabilities of the platform that the function uses.
    #[serde(default)]
    pub needs: Vec<Capability>,
    /// Cron expressions of the scheduled handler.
    #[serde(default)]
    pub crons: Vec<String>,
    /// Durable Objects that this function defines: binding → class.
    #[serde(default)]
    pub durable_objects: BTreeMap<String, String>,
    /// Variables in addition to those of all functions.
    #[serde(default)]
    pub vars: BTreeMap<String, String>,
}

/// The form of a function's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    Plain,
    Coded,
    Jsend,
    /// The envelope of Cloudflare's API, for the queue.
    Cloudflare,
}

/// A capability of the platform that a function can be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    Sql,
    Kv,
    Blobs,
    Queue,
    Hub,
}

impl Function {
    /// The name of its Worker.
    pub fn worker_name(&self) -> String {
        format!("easel-{}", self.name)
    }

    /// The name of the entry's service binding to it.
    pub fn service_binding(&self) -> String {
        self.name.replace('-', "_").to_ascii_uppercase()
    }

    /// The name of the file that cargo builds.
    pub fn wasm_file(&self) -> String {
        format!("{}.wasm", self.name.replace('-', "_"))
    }

    pub fn needs(&self, capability: Capability) -> bool {
        self.metadata.needs.contains(&capability)
    }

    /// Reports whether it serves routes of its own: true for all but the entry and functions without routes.
    pub fn is_resource(&self) -> bool {
        !self.metadata.entry && !self.metadata.routes.is_empty()
    }
}
