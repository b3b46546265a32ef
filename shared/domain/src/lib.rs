//! The words and rules of the platform, as plain values: no engine, no clock, no randomness, no HTTP.
//!
//! Everything here can be understood and tested without a database or a server. Layers above translate:
//! `store` into SQL, `web` into HTTP, `gpu-runner` into pictures.

pub mod api_key;
pub mod aspect;
pub mod date;
pub mod error;
pub mod file;
pub mod form;
pub mod id;
pub mod jwt;
pub mod lang;
pub mod ledger;
pub mod life;
pub mod messages;
pub mod outbound;
pub mod profile;
pub mod redeem;
pub mod room;
pub mod runner;
pub mod search;
pub mod task;
pub mod taskno;
pub mod time;
pub mod webhook;

pub use error::{Error, Kind, Message};
pub use id::{Id, MAX_ID};
pub use lang::Lang;
pub use profile::Profile;
pub use time::Millis;
