//! What each Worker is bound to, derived from what its function needs. Both the manifests and the local edge are made
//! from this, so they cannot differ.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use crate::workspace::{Function, Need, Workspace};

/// Workers behave as of this day until it is raised, by hand and with the tests.
pub const COMPATIBILITY_DATE: &str = "2026-11-01";

pub const DATABASE: &str = "easel";
pub const BUCKET: &str = "easel-files";
/// The function that defines the Durable Objects of the fan-out.
pub const HUB: &str = "hub";

/// Variables of every function.
pub const VARS: [(&str, &str); 8] = [
    ("API_PROFILE", "v1"),
    ("SIGNUP", "open"),
    ("SIGNUP_POINTS", "1000"),
    ("LEASE_MS", "30000"),
    ("POINTS_DEADLINE_MS", "170000"),
    ("TASK_DEADLINE_MS", "86400000"),
    ("PUBLIC_URL", ""),
    ("FETCH_ALLOW", ""),
];

/// Secrets of every function, and what each is.
pub const SECRETS: [(&str, &str); 6] = [
    ("JWT_KEYS", "keys of session tokens: kid:secret[,kid:secret], the first signs"),
    ("RUNNER_KEY", "key of runner tokens and of the secrets runners sign callbacks with"),
    ("RUNNER_REGISTRATION_TOKEN", "what a new runner registers with"),
    ("QUEUE_TOKEN", "bearer token of the queue's pull protocol"),
    ("ADMIN_EMAIL", "the first admin, made when there is none"),
    ("ADMIN_PASSWORD", "and their password"),
];

/// One Worker with all it is bound to: binding → resource.
#[derive(Debug, Serialize)]
pub struct Worker {
    pub name: String,
    pub entry: bool,
    pub vars: BTreeMap<String, Value>,
    pub services: BTreeMap<String, String>,
    pub d1: BTreeMap<String, String>,
    pub kv: BTreeMap<String, String>,
    pub r2: BTreeMap<String, String>,
    pub durable: BTreeMap<String, Durable>,
    pub crons: Vec<String>,
}

/// A Durable Object namespace: a class and the Worker that defines it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Durable {
    pub class: String,
    pub script: String,
}

/// The bindings of `function` among the functions of `workspace`.
pub fn worker(workspace: &Workspace, function: &Function) -> Result<Worker> {
    let bind = |need, binding: &str, resource: &str| {
        let wanted = function.needs(need).then(|| (binding.to_owned(), resource.to_owned()));
        wanted.into_iter().collect::<BTreeMap<_, _>>()
    };
    let mut vars: BTreeMap<String, Value> = VARS.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    vars.extend(function.spec.vars.iter().map(|(name, value)| (name.clone(), json!(value))));
    let mut services = BTreeMap::new();
    if function.spec.entry {
        let others = workspace.functions.iter().filter(|f| !f.spec.routes.is_empty() && !f.spec.entry);
        let mut routes = BTreeMap::new();
        for other in others {
            services.insert(other.binding(), other.worker());
            routes.extend(other.spec.routes.iter().map(|route| (route.clone(), other.binding())));
        }
        vars.insert("ROUTES".into(), json!(routes));
    }
    Ok(Worker {
        name: function.worker(),
        entry: function.spec.entry,
        vars,
        services,
        d1: bind(Need::Sql, "DB", DATABASE),
        kv: bind(Need::Kv, "KV", &workspace.kv_id),
        r2: bind(Need::Blobs, "BLOBS", BUCKET),
        durable: durable(workspace, function)?,
        crons: function.spec.crons.clone(),
    })
}

/// Its own Durable Objects, and those of the hub when it needs the hub.
fn durable(workspace: &Workspace, function: &Function) -> Result<BTreeMap<String, Durable>> {
    let of = |owner: &Function| -> Vec<(String, Durable)> {
        let objects = owner.spec.durable_objects.iter();
        objects.map(|(name, class)| (name.clone(), Durable { class: class.clone(), script: owner.worker() })).collect()
    };
    let mut all: BTreeMap<_, _> = of(function).into_iter().collect();
    if function.needs(Need::Hub) {
        all.extend(of(workspace.function(HUB)?));
    }
    Ok(all)
}
