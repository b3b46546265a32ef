//! The Durable Objects. `HubRoom` is one watched object: it holds the sockets and event streams of its watchers and
//! passes every change on to them. `HubSweeper` is the one object that looks after unfinished work. The rules of a
//! room are in `domain::room`, how the edge speaks to one in `edge::worker`; who may watch was settled before.

pub mod delivery;
pub mod duty;

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod objects;
