//! The cargo workspace: its folders, its members and its functions, from `cargo metadata`. No other file reads
//! `[package.metadata.function]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::function::{Function, FunctionMetadata};

/// The KV namespace id of workspaces that name none. A local edge accepts any id; a deployment needs its own.
const DEFAULT_KV_ID: &str = "00000000000000000000000000000000";

/// The workspace. Functions and members are sorted by name.
pub struct Workspace {
    pub root: PathBuf,
    pub target: PathBuf,
    /// The file of this program, as it was at the start: a build of the workspace may replace it meanwhile.
    pub xtask: PathBuf,
    pub functions: Vec<Function>,
    /// Functions that only tests start. They are not built with the others and never deployed.
    test_only: Vec<Function>,
    /// Names of all packages.
    pub members: Vec<String>,
    /// The id of the KV namespace that all functions share: `[workspace.metadata.deploy] kv_id`.
    pub kv_id: String,
}

/// The output of `cargo metadata`, as far as it is used.
#[derive(Deserialize)]
struct CargoMetadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    #[serde(default)]
    metadata: Value,
}

impl Workspace {
    /// Reads the workspace that this crate belongs to.
    pub fn load() -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--no-deps", "--format-version=1"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .context("cargo does not start: install Rust with rustup")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
        Self::from_metadata(serde_json::from_slice(&output.stdout)?)
    }

    fn from_metadata(metadata: CargoMetadata) -> Result<Self> {
        let mut functions = Vec::new();
        let mut members = Vec::new();
        for package in metadata.packages {
            members.push(package.name.clone());
            let Some(section) = package.metadata.get("function") else { continue };
            let function_metadata = FunctionMetadata::deserialize(section)
                .with_context(|| format!("invalid [package.metadata.function] in {}", package.name))?;
            let dir = package.manifest_path.parent().context("a manifest is in a folder")?.to_path_buf();
            functions.push(Function { name: package.name, dir, metadata: function_metadata });
        }
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        members.sort();
        check(&functions)?;
        let (test_only, functions) = functions.into_iter().partition(|function: &Function| function.metadata.test_only);
        let kv_id =
            metadata.metadata.pointer("/deploy/kv_id").and_then(Value::as_str).unwrap_or(DEFAULT_KV_ID).to_owned();
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            xtask: std::env::current_exe()?,
            functions,
            test_only,
            members,
            kv_id,
        })
    }

    /// Adds the functions that only tests start to the others.
    pub fn with_test_only(mut self) -> Self {
        self.functions.append(&mut self.test_only);
        self
    }

    /// Returns the named functions, or all when `names` is empty.
    ///
    /// # Errors
    /// A name that is not a function's.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Function>> {
        if names.is_empty() {
            return Ok(self.functions.iter().collect());
        }
        names.iter().map(|name| self.function(name)).collect()
    }

    /// Returns a function by name, also one that only tests start.
    ///
    /// # Errors
    /// The name is not a function's. The message lists the functions.
    pub fn function(&self, name: &str) -> Result<&Function> {
        let all = || self.functions.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
        self.functions
            .iter()
            .chain(&self.test_only)
            .find(|f| f.name == name)
            .with_context(|| format!("no function {name}: there are {}", all()))
    }

    pub fn has_member(&self, name: &str) -> bool {
        self.members.iter().any(|member| member == name)
    }

    /// The entry: the public Worker that calls all others.
    pub fn entry(&self) -> Result<&Function> {
        self.functions.iter().find(|function| function.metadata.entry).context("no function has `entry = true`")
    }

    /// Functions with routes, without the entry: those that have an OpenAPI document and a Spin component.
    pub fn resources(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().filter(|function| function.is_resource())
    }

    /// The absolute path of a file, given relative to the root.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }
}

/// Checks rules across functions: one entry, valid route prefixes, each with one owner.
fn check(functions: &[Function]) -> Result<()> {
    let mut owners = BTreeMap::new();
    for function in functions {
        for route in &function.metadata.routes {
            let valid = route.starts_with('/') && route.len() > 1 && !route.ends_with('/');
            ensure!(valid, "{}: the route {route:?} must begin with / and not end with it", function.name);
            ensure!(
                route.split('/').count() <= 5,
                "{}: the route {route:?} has more than four segments",
                function.name
            );
            if let Some(other) = owners.insert(route, &function.name) {
                bail!("{route} is claimed by both {other} and {}", function.name);
            }
        }
    }
    let entries = functions.iter().filter(|f| f.metadata.entry).count();
    ensure!(entries == 1, "{entries} functions have `entry = true`, there must be one");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::function::{Capability, Dialect};

    /// A workspace with these functions: name → `[package.metadata.function]`.
    fn load(metadata: Value) -> Result<Workspace> {
        let package = |name: &str, function: &Value| {
            let manifest_path = format!("/w/functions/{name}/Cargo.toml");
            serde_json::json!({"name": name, "manifest_path": manifest_path, "metadata": {"function": function}})
        };
        let packages: Vec<Value> =
            metadata.as_object().into_iter().flatten().map(|(name, function)| package(name, function)).collect();
        Workspace::from_metadata(serde_json::from_value(
            serde_json::json!({"packages": packages, "workspace_root": "/w", "target_directory": "/w/target"}),
        )?)
    }

    #[test]
    fn functions_are_read_from_metadata() {
        let workspace = load(serde_json::json!({
            "gateway": {"entry": true},
            "tags": {"routes": ["/api/tags"], "dialect": "plain", "needs": ["sql"]},
            "trial": {"routes": ["/trial"], "test_only": true},
        }));
        let workspace = workspace.expect("good metadata");
        assert!(workspace.function("gateway").expect("gateway").metadata.entry);
        let tags = workspace.function("tags").expect("tags");
        assert_eq!((tags.worker_name().as_str(), tags.service_binding().as_str()), ("easel-tags", "TAGS"));
        assert!(tags.needs(Capability::Sql) && !tags.needs(Capability::Kv));
        assert_eq!(tags.metadata.dialect, Some(Dialect::Plain));
        let listed = |workspace: &Workspace| workspace.functions.iter().any(|f| f.name == "trial");
        assert!(workspace.function("trial").is_ok() && !listed(&workspace), "found by name, not among the deployed");
        assert!(listed(&workspace.with_test_only()));
    }

    #[test]
    fn invalid_metadata_is_reported() {
        let error = |metadata| load(metadata).err().map(|e| format!("{e:#}")).unwrap_or_default();
        let clash = serde_json::json!({"g": {"entry": true, "routes": ["/a"]}, "h": {"routes": ["/a"]}});
        assert!(error(clash).contains("claimed by both"));
        assert!(error(serde_json::json!({"g": {"entry": true, "routes": ["a/"]}})).contains("must begin with /"));
        assert!(error(serde_json::json!({"g": {"routes": ["/a"]}})).contains("0 functions have"));
        assert!(
            error(serde_json::json!({"g": {"entry": true, "need": ["sql"]}}))
                .contains("invalid [package.metadata.function] in g")
        );
    }
}
