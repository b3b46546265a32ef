//! The only crate that names platforms. The compile target picks one: Cloudflare Workers, Spin, or native (tests).
//! Each module adapts that platform's engines to `ports` and its requests to `web`.

mod entry;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
#[cfg(target_os = "wasi")]
pub mod spin;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub mod worker;

#[doc(hidden)]
pub use web;
