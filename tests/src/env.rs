//! What `cargo xtask test` tells its tests.

use std::time::Duration;

/// The value of an environment variable the tests cannot do without.
pub fn setting(name: &str) -> String {
    match std::env::var(name) {
        Ok(value) => value,
        Err(_) => panic!("{name} is not set: these tests are run by `cargo xtask test --e2e`"),
    }
}

/// How long a lease of the edge at `BASE_URL` holds.
pub fn lease_ms() -> Duration {
    Duration::from_millis(setting("LEASE_MS").parse().expect("LEASE_MS is a number"))
}
