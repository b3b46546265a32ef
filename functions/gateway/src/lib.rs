//! The one worker the outside reaches: sends a path to the function that owns it, unchanged, and answers the few paths
//! that belong to no function. It must not know what any function does: the table comes from their manifests.

pub mod own;
pub mod route;

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod worker;
