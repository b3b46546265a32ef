//! The bindings of each Worker, derived from its function's metadata. The manifests and the local edge both use them.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use super::function::{Capability, Function};
use super::workspace::Workspace;

/// Cloudflare's `compatibility_date`: fixes the behaviour of the Workers runtime. Raise it by hand and run all tests.
pub const COMPATIBILITY_DATE: &str = "2026-11-01";

/// The name of the D1 database.
pub const DATABASE: &str = "easel";
/// The name of the R2 bucket.
const BUCKET: &str = "easel-files";
/// The function that defines the Durable Objects for watchers.
const HUB: &str = "hub";

/// Variables of every function, with their defaults.
pub const VARS: [(&str, &str); 10] = [
    ("API_PROFILE", "v1"),
    ("SIGNUP", "open"),
    ("SIGNUP_POINTS", "1000"),
    ("LEASE_MS", "30000"),
    ("POINTS_DEADLINE_MS", "170000"),
    ("TASK_DEADLINE_MS", "86400000"),
    ("TRAINING_DEADLINE_MS", "604800000"),
    ("HISTORY_DAYS", "180"),
    ("PUBLIC_URL", ""),
    ("FETCH_ALLOW", ""),
];

/// Secrets of every function, with their descriptions.
pub const SECRETS: [(&str, &str); 6] = [
    ("JWT_KEYS", "keys of session tokens, kid:secret[,kid:secret]; the first one signs"),
    ("RUNNER_KEY", "key for runner tokens and for the secrets that sign runners' callbacks"),
    ("RUNNER_REGISTRATION_TOKEN", "token with which a new runner registers"),
    ("QUEUE_TOKEN", "bearer token of the queue's pull protocol"),
    ("ADMIN_EMAIL", "e-mail of the first administrator, created when there is none"),
    ("ADMIN_PASSWORD", "password of the first administrator"),
];

/// A Worker with its bindings. Maps are binding → resource.
#[derive(Debug, Serialize)]
pub struct Worker {
    pub name: String,
    /// The public Worker, reached at the address of the edge.
    pub entry: bool,
    pub vars: BTreeMap<String, Value>,
    pub services: BTreeMap<String, String>,
    pub d1: BTreeMap<String, String>,
    pub kv: BTreeMap<String, String>,
    pub r2: BTreeMap<String, String>,
    pub durable_objects: BTreeMap<String, DurableObject>,
    pub crons: Vec<String>,
}

/// A Durable Object namespace: a class and the Worker (`script`) that defines it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct DurableObject {
    pub class: String,
    pub script: String,
}

/// The Worker of `function`. The entry is bound to all resources of `workspace`.
pub fn worker(workspace: &Workspace, function: &Function) -> Result<Worker> {
    let bind = |capability, binding: &str, resource: &str| {
        let bound = function.needs(capability).then(|| (binding.to_owned(), resource.to_owned()));
        bound.into_iter().collect::<BTreeMap<_, _>>()
    };
    let mut vars: BTreeMap<String, Value> = VARS.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    vars.extend(function.metadata.vars.iter().map(|(name, value)| (name.clone(), json!(value))));
    let mut services = BTreeMap::new();
    if function.metadata.entry {
        let mut routes = BTreeMap::new();
        for resource in workspace.resources() {
            services.insert(resource.service_binding(), resource.worker_name());
            routes.extend(resource.metadata.routes.iter().map(|route| (route.clone(), resource.service_binding())));
        }
        vars.insert("ROUTES".into(), json!(routes));
    }
    Ok(Worker {
        name: function.worker_name(),
        entry: function.metadata.entry,
        vars,
        services,
        d1: bind(Capability::Sql, "DB", DATABASE),
        kv: bind(Capability::Kv, "KV", &workspace.kv_id),
        r2: bind(Capability::Blobs, "BLOBS", BUCKET),
        durable_objects: durable_objects(workspace, function)?,
        crons: function.metadata.crons.clone(),
    })
}

/// The Durable Objects that `function` defines, and those of the hub when it needs the hub.
fn durable_objects(workspace: &Workspace, function: &Function) -> Result<BTreeMap<String, DurableObject>> {
    let defined_by = |owner: &Function| -> Vec<(String, DurableObject)> {
        let object = |class: &String| DurableObject { class: class.clone(), script: owner.worker_name() };
        owner.metadata.durable_objects.iter().map(|(binding, class)| (binding.clone(), object(class))).collect()
    };
    let mut all: BTreeMap<_, _> = defined_by(function).into_iter().collect();
    if function.needs(Capability::Hub) {
        all.extend(defined_by(workspace.function(HUB)?));
    }
    Ok(all)
}
