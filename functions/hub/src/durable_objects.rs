//! The platform around the rules: sockets, streams, storage and alarms of Durable Objects.

mod history;
mod room;
mod sockets;
mod streams;
mod sweeper;

use ports::Background;
use worker::wasm_bindgen_futures::spawn_local;

/// Background work of a Durable Object, which stays alive until that is done.
struct Detached;

impl Background for Detached {
    fn spawn(&self, work: futures_util::future::BoxFuture<'static, ()>) {
        spawn_local(work);
    }
}
