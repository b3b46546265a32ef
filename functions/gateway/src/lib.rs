//! The one Worker the outside reaches: passes a request on, unchanged, to the function that owns its path, and answers
//! the few paths that belong to no function. It knows no function: the table of paths comes from their manifests.

pub mod builtin;
pub mod route;

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod worker;
