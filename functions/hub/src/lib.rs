//! The Durable Objects. `HubRoom` is one watched object: it holds the sockets and event streams of its watchers and
//! passes every change on to them. `HubSweeper` is the one object that looks after unfinished work. The rules of a room
//! are in `domain::room`, the edge's protocol with it in `edge::worker`. Watchers were authorised by the edge.

pub mod alarm;
pub mod delivery;
pub mod source;

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod durable_objects;
