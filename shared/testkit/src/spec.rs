//! Executable specifications. Random histories are checked against their rules, and the database against them
//! (`tests/spec_histories`, `tests/sql_histories`).

pub mod ledger;
pub mod task_life;
pub mod world;
