//! The only crate that names platforms. The compile target picks one: Cloudflare Workers, Spin, or native (tests).
//! Each module adapts that platform's engines to `ports` and its requests to `web`.

pub mod engines;
mod entry;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
#[cfg(target_os = "wasi")]
pub mod spin;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub mod worker;

#[doc(hidden)]
pub use web;

/// The whole text of an event stream, for the conformance suite.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use worker::event_stream_text;

/// The whole text of an event stream, for the conformance suite. Only Workers have event streams.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub async fn event_stream_text(_: ports::Upgraded) -> Result<String, String> {
    Err("this platform has no event streams".into())
}
