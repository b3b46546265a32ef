//! SQL. Compiles a resource's `Spec` into statements, builds atomic transactions that check before they write (`Tx`),
//! and owns the tables that two functions or more share. It knows no HTTP and no engine.

mod api_version;
pub mod articles;
pub mod choices;
mod credential;
pub mod cursor;
pub mod dataset_copies;
pub mod datasets;
pub mod idempotency;
pub mod images;
pub mod keys;
pub mod ledger;
pub mod list;
pub mod list_query;
pub mod model_file;
pub mod models;
pub mod outbox;
mod page_query;
pub mod params;
pub mod pending;
pub mod points_api;
mod query;
pub mod queue;
pub mod rate_limit;
pub mod redeem;
pub mod servers;
pub mod sessions;
pub mod shape;
pub mod spec;
pub mod sweep;
pub mod tags;
pub mod task_order;
pub mod tasks;
pub mod tickets;
mod tx;
pub mod users;
pub mod views;
mod visible;
pub mod watch;
pub mod webhooks;

#[doc(hidden)]
pub use ports;

pub use api_version::{ApiVersion, camel_case};
pub use credential::Credential;
pub use list::Page;
pub use list_query::ListQuery;
pub use query::{Arg, Query, Scope, literal, substitute};
pub use shape::{Property, Shape};
pub use spec::{Column, Filter, FilterRule, Kind, Link, Rendering, Search, Sort, Spec};
pub use tx::{FirstOrRepeat, Outcome, StmtIndex, Tx, failure};
pub use visible::Visible;
