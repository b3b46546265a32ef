//! What `cargo xtask test` tells its tests.

/// The value of an environment variable the tests cannot do without.
pub fn setting(name: &str) -> String {
    match std::env::var(name) {
        Ok(value) => value,
        Err(_) => panic!("{name} is not set: these tests are run by `cargo xtask test --e2e`"),
    }
}
