//! The secrets of a local edge. They are public, and no deployment may use them.

use std::collections::BTreeMap;
use std::env;

const DEV_SECRETS: [(&str, &str); 6] = [
    ("JWT_KEYS", "dev:dev-only-key-of-session-tokens-not-for-any-deployment-at-all-0123456789"),
    ("RUNNER_KEY", "dev-only-key-of-runner-tokens-not-for-any-deployment-0123456789"),
    ("RUNNER_REGISTRATION_TOKEN", "dev-only-registration-token"),
    ("QUEUE_TOKEN", "dev-only-queue-token"),
    ("ADMIN_EMAIL", "admin@example.com"),
    ("ADMIN_PASSWORD", "admin-dev-only"),
];

/// All secrets by name. The environment may replace the e-mail and password of the first administrator.
pub fn all() -> BTreeMap<&'static str, String> {
    DEV_SECRETS
        .into_iter()
        .map(|(name, value)| (name, from_environment(name).unwrap_or_else(|| value.to_owned())))
        .collect()
}

/// The secret `name`; empty when there is none.
pub fn get(name: &str) -> String {
    all().remove(name).unwrap_or_default()
}

/// The e-mail or password of the first administrator from the environment; none for all other secrets.
pub fn from_environment(name: &str) -> Option<String> {
    matches!(name, "ADMIN_EMAIL" | "ADMIN_PASSWORD").then(|| env::var(name).ok()).flatten()
}
