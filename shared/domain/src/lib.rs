//! The values and rules of the platform: no engine, no clock, no randomness, no HTTP, no JSON.
//!
//! Everything here can be understood and tested without a database or a server. Layers above translate: `store` into
//! SQL, `web` into HTTP, `protocol` into messages to runners and webhooks.

pub mod api_key;
pub mod date_range;
pub mod error;
pub mod file_url;
pub mod id;
pub mod image_size;
pub mod lang;
pub mod ledger;
pub mod messages;
pub mod model;
pub mod phrases;
pub mod popularity;
pub mod range;
pub mod redeem_code;
pub mod room;
pub mod search;
pub mod task;
pub mod task_errors;
pub mod task_number;
pub mod text;
pub mod time;
pub mod training;
pub mod url_policy;

pub use error::{Error, Kind, Message};
pub use id::{Id, MAX_ID};
pub use lang::Lang;
pub use time::Millis;

/// The values of a field that takes one of several: each with the other spellings it is accepted in.
pub type Choices = &'static [(&'static str, &'static [&'static str])];
