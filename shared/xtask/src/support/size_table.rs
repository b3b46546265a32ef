//! The table of release bundle sizes, and the limit they must keep.

use anyhow::{Result, ensure};

use super::build_profile::BuildProfile;
use super::bundle;
use super::function::Function;
use super::workspace::Workspace;

/// Maximum size of a function, WASM and JavaScript together, gzipped, in bytes.
const SIZE_LIMIT: usize = 300 * 1024;

/// Prints the gzipped sizes of the release bundles.
///
/// # Errors
/// A bundle over [`SIZE_LIMIT`], or one that was not built.
pub fn print_and_check(workspace: &Workspace, functions: &[&Function]) -> Result<()> {
    let kib = |bytes: usize| bytes as f64 / 1024.0;
    println!("{:<14}{:>10}{:>10}{:>10}  KiB, gzipped", "function", "wasm", "js", "sum");
    let mut too_large = Vec::new();
    for function in functions {
        let (wasm, js) = bundle::gzipped_sizes(&bundle::dir(workspace, function, BuildProfile::Release))?;
        println!("{:<14}{:>10.1}{:>10.1}{:>10.1}", function.name, kib(wasm), kib(js), kib(wasm + js));
        if wasm + js > SIZE_LIMIT {
            too_large.push(function.name.as_str());
        }
    }
    ensure!(too_large.is_empty(), "over {} KiB: {}", kib(SIZE_LIMIT), too_large.join(", "));
    Ok(())
}
