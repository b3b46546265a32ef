//! The shells around the rules: sockets, streams, storage and alarms of the platform.

mod history;
mod room;
mod sockets;
mod streams;
mod sweeper;

use ports::Background;
use worker::wasm_bindgen_futures::spawn_local;

/// A Durable Object stays until its work is done; nothing has to be told to wait.
struct Detached;

impl Background for Detached {
    fn spawn(&self, work: futures_util::future::BoxFuture<'static, ()>) {
        spawn_local(work);
    }
}
