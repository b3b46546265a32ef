//! What the end-to-end tests are written with: a client of the running edge, sockets and event streams that watch an
//! object, a runner of our own making, and processes to kill. `cargo xtask test` starts the edge and tells where it is
//! in the environment. Nothing here knows how the edge is built.

pub mod chaos;
mod client;
mod dedicated_edge;
mod env;
mod picture;
mod raw;
mod receiver;
mod runner;
mod stream;
mod wait;
mod watch;

pub use client::{Account, Answer, Call, Edge, unique};
pub use dedicated_edge::{DedicatedEdge, RunnerProcess, State};
pub use env::setting;
pub use picture::{picture, size_of};
pub use raw::send_anyway;
pub use receiver::{Received, Receiver, fetch_server};
pub use runner::{Runner, Signed, body, held};
pub use stream::Stream;
pub use wait::until;
pub use watch::Watch;
