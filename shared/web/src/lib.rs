//! HTTP. Operations and their documentation, the extractors handlers are written with, tokens, forms, and the dialects
//! that turn replies and errors into the envelopes of the APIs. It knows no engine and no resource.

mod after_reply;
mod app;
mod auth;
pub mod blob_response;
mod body;
mod caching;
mod cors;
mod crud;
mod dialect;
pub mod form;
pub mod multipart;
mod negotiation;
pub mod openapi;
mod operation;
pub mod password;
mod path;
pub mod range;
mod reply;
mod request_ctx;
mod watch;

#[doc(hidden)]
pub use domain;
#[doc(hidden)]
pub use serde_json;

pub use app::{App, Routes};
pub use auth::{RunnerToken, Session, keyed_hash, mint_runner, mint_session, sha256_hex};
pub use axum;
pub use body::{Json, JsonUpTo, Raw};
pub use caching::Freshness;
pub use dialect::Dialect;
pub use domain::api_key::Access;
pub use form::{Default, Field, FieldType, Form, FormData, Input};
pub use negotiation::accept_language;
pub use operation::{Operation, Replies};
pub use path::{PathId, PathParams, TokenId};
pub use reply::{Failure, Reply, Result, set};
pub use request_ctx::{Caller, RequestCtx, RequestHead, User};
