//! SQL. Turns what a resource says about itself (`Spec`) into statements, builds atomic batches that check before
//! they write, and owns the tables two functions or more share. It knows no HTTP and no engine.

pub mod batch;
pub mod credential;
pub mod cursor;
pub mod idempotency;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod list;
pub mod models;
pub mod outbox;
pub mod pending;
pub mod points;
pub mod query;
pub mod queue;
pub mod queueing;
pub mod redeem;
pub mod sessions;
pub mod spec;
pub mod sweep;
pub mod tasks;
pub mod tickets;
pub mod users;
pub mod watch;
pub mod webhooks;

pub use batch::{Batch, Outcome, Slot, failure};
pub use credential::Credential;
pub use list::{Page, Scope};
pub use query::ListQuery;
pub use spec::{Column, Filter, FilterRule, Kind, Search, Sort, Spec};
