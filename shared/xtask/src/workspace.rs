//! What the workspace says about itself: where it is and which functions it has, from `cargo metadata`. The only place
//! that reads `[package.metadata.function]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

/// Stands for the KV namespace until a deployment names its own; on one's own machine any id will do.
const KV_ID: &str = "00000000000000000000000000000000";

/// The workspace: its root, its functions in the order of their names, the names of all members.
pub struct Workspace {
    pub root: PathBuf,
    pub target: PathBuf,
    pub functions: Vec<Function>,
    /// Those only tests start, never built with the others or deployed.
    test_only: Vec<Function>,
    pub members: Vec<String>,
    /// The id of the KV namespace all functions share: `[workspace.metadata.deploy] kv_id`.
    pub kv_id: String,
}

/// One function: a crate under `functions/` with `[package.metadata.function]`.
pub struct Function {
    pub name: String,
    pub dir: PathBuf,
    pub spec: Spec,
}

/// `[package.metadata.function]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The worker the outside reaches; exactly one function has it.
    #[serde(default)]
    pub entry: bool,
    /// Started by tests alone.
    #[serde(default)]
    pub test_only: bool,
    /// Path prefixes the entry sends here, by whole segments.
    #[serde(default)]
    pub routes: Vec<String>,
    /// How replies are rendered; read by the function itself, listed here for the record.
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "checked here, used by the function's own crate"))]
    pub dialect: Option<Dialect>,
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Cron expressions of the scheduled handler.
    #[serde(default)]
    pub crons: Vec<String>,
    /// Durable Objects this function defines: binding → class.
    #[serde(default)]
    pub durable_objects: BTreeMap<String, String>,
    /// Variables beyond those all functions have.
    #[serde(default)]
    pub vars: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    Plain,
    Coded,
    Jsend,
    /// The queue: the envelope of Cloudflare's API.
    Cloudflare,
}

/// A capability of the platform that a function is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    Sql,
    Kv,
    Blobs,
    Queue,
    Hub,
}

#[derive(Deserialize)]
struct Metadata {
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

    fn from_metadata(metadata: Metadata) -> Result<Self> {
        let mut functions = Vec::new();
        let mut members = Vec::new();
        for package in metadata.packages {
            members.push(package.name.clone());
            let Some(spec) = package.metadata.get("function") else { continue };
            let spec: Spec = Spec::deserialize(spec)
                .with_context(|| format!("[package.metadata.function] of {} is not understood", package.name))?;
            let dir = package.manifest_path.parent().context("a manifest lies in a folder")?.to_path_buf();
            functions.push(Function { name: package.name, dir, spec });
        }
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        members.sort();
        check(&functions)?;
        let (test_only, functions) = functions.into_iter().partition(|function: &Function| function.spec.test_only);
        let kv_id = metadata.metadata.pointer("/deploy/kv_id").and_then(Value::as_str).unwrap_or(KV_ID).to_owned();
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            functions,
            test_only,
            members,
            kv_id,
        })
    }

    /// With the functions only tests start among the others.
    pub fn with_test_only(mut self) -> Self {
        self.functions.append(&mut self.test_only);
        self
    }

    /// The functions named, or all when none is named.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Function>> {
        if names.is_empty() {
            return Ok(self.functions.iter().collect());
        }
        names.iter().map(|name| self.function(name)).collect()
    }

    pub fn function(&self, name: &str) -> Result<&Function> {
        let all = || self.functions.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
        self.functions
            .iter()
            .chain(&self.test_only)
            .find(|f| f.name == name)
            .with_context(|| format!("no function {name}: there are {}", all()))
    }

    pub fn has(&self, member: &str) -> bool {
        self.members.iter().any(|name| name == member)
    }

    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }
}

impl Function {
    /// The name of its Worker.
    pub fn worker(&self) -> String {
        format!("easel-{}", self.name)
    }

    /// The name of the service binding under which the entry reaches it.
    pub fn binding(&self) -> String {
        self.name.replace('-', "_").to_ascii_uppercase()
    }

    pub fn needs(&self, need: Need) -> bool {
        self.spec.needs.contains(&need)
    }
}

/// What can be wrong between functions: two owners of one prefix, a prefix that is none, not one entry.
fn check(functions: &[Function]) -> Result<()> {
    let mut owners = BTreeMap::new();
    for function in functions {
        for route in &function.spec.routes {
            let good = route.starts_with('/') && route.len() > 1 && !route.ends_with('/');
            ensure!(good, "{}: the route {route:?} must begin with / and not end with it", function.name);
            ensure!(route.split('/').count() <= 5, "{}: the route {route:?} has over four segments", function.name);
            if let Some(other) = owners.insert(route, &function.name) {
                bail!("{route} is claimed by both {other} and {}", function.name);
            }
        }
    }
    let entries = functions.iter().filter(|f| f.spec.entry).count();
    ensure!(entries == 1, "{entries} functions have `entry = true`, there must be one");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(metadata: Value) -> Result<Workspace> {
        let package = |name: &str, function: &Value| serde_json::json!({"name": name, "manifest_path": format!("/w/functions/{name}/Cargo.toml"), "metadata": {"function": function}});
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
        assert!(workspace.function("gateway").expect("gateway").spec.entry);
        let tags = workspace.function("tags").expect("tags");
        assert_eq!((tags.worker().as_str(), tags.binding().as_str()), ("easel-tags", "TAGS"));
        assert!(tags.needs(Need::Sql) && !tags.needs(Need::Kv));
        assert_eq!(tags.spec.dialect, Some(Dialect::Plain));
        let listed = |workspace: &Workspace| workspace.functions.iter().any(|f| f.name == "trial");
        assert!(workspace.function("trial").is_ok() && !listed(&workspace), "found by name, not among the deployed");
        assert!(listed(&workspace.with_test_only()));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |metadata| load(metadata).err().map(|e| format!("{e:#}")).unwrap_or_default();
        let clash = serde_json::json!({"g": {"entry": true, "routes": ["/a"]}, "h": {"routes": ["/a"]}});
        assert!(error(clash).contains("claimed by both"));
        assert!(error(serde_json::json!({"g": {"entry": true, "routes": ["a/"]}})).contains("must begin with /"));
        assert!(error(serde_json::json!({"g": {"routes": ["/a"]}})).contains("0 functions have"));
        assert!(error(serde_json::json!({"g": {"entry": true, "need": ["sql"]}})).contains("of g is not understood"));
    }
}
