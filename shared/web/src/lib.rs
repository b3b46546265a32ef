//! HTTP. Routes and their documentation, the extractors handlers are written with, sessions' tokens, and the dialects
//! that turn replies and errors into the envelopes of the four APIs. It knows no engine and no resource.

mod app;
mod auth;
mod body;
mod context;
mod cors;
mod deliver;
mod dialect;
pub mod multipart;
pub mod openapi;
pub mod password;
pub mod range;
mod reply;
mod resource;
pub mod stored;
mod watch;

pub use app::{App, Op, Replies, Routes};
pub use auth::{RunnerToken, Session, mint_runner, mint_session, seal, sha256_hex};
pub use axum;
pub use body::{Json, JsonUpTo, Raw};
pub use context::{Caller, Ctx, PathId, TokenId, User};
pub use dialect::Dialect;
pub use domain::api_key::Access;
pub use reply::{Failure, Reply, Result, set};
