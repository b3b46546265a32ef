//! An atomic batch on behalf of a caller. It begins by asking whether the caller's session still stands, so that a
//! logout, a password change or a ban is effective on the very next request, at no extra round trip.

use domain::Error;
use domain::error::Message;
use domain::messages::{
    FORBIDDEN, IDEMPOTENCY_KEY_REUSED, INSUFFICIENT_POINTS, INTERNAL, INVALID_TOKEN, MISSING_SCOPE, NOT_FOUND,
    STALE_LEASE, TASK_ENDED, TOO_MANY_REQUESTS, UNAVAILABLE,
};
use ports::{Rows, Sql, SqlError, Stmt};

pub struct Batch {
    stmts: Vec<Stmt>,
    /// What a broken uniqueness rule means here: column, message, field.
    unique: Vec<(&'static str, &'static Message, &'static str)>,
    guards: Vec<(&'static str, &'static Message)>,
}

/// Where a statement's rows are found in the outcome.
#[derive(Clone, Copy, Debug)]
pub struct Slot(usize);

pub struct Outcome(Vec<Rows>);

impl Default for Batch {
    fn default() -> Batch {
        Batch::new()
    }
}

impl Batch {
    pub fn new() -> Batch {
        Batch { stmts: Vec::new(), unique: Vec::new(), guards: Vec::new() }
    }

    pub fn push(&mut self, stmt: Stmt) -> Slot {
        self.stmts.push(stmt);
        Slot(self.stmts.len() - 1)
    }

    pub fn extend(&mut self, stmts: impl IntoIterator<Item = Stmt>) {
        self.stmts.extend(stmts);
    }

    /// A duplicate in `table.column` is this conflict.
    pub fn unique(&mut self, column: &'static str, message: &'static Message, field: &'static str) {
        self.unique.push((column, message, field));
    }

    /// In this batch, the guard of this code means this.
    pub fn meaning(&mut self, code: &'static str, message: &'static Message) {
        self.guards.push((code, message));
    }

    pub async fn run(self, sql: &dyn Sql) -> Result<Outcome, Error> {
        let (unique, guards) = (self.unique, self.guards);
        sql.run(self.stmts).await.map(Outcome).map_err(|error| match &error {
            SqlError::Unique(column) => match unique.iter().find(|(c, ..)| c == column) {
                Some((_, message, field)) => message.on(*field),
                None => failure(error),
            },
            SqlError::Guard(code) => match guards.iter().find(|(c, _)| c == code) {
                Some((_, message)) => message.error(),
                None => failure(error),
            },
            _ => failure(error),
        })
    }
}

impl Outcome {
    /// The rows of a statement; no rows if the engine returned fewer results than statements.
    pub fn rows(&self, slot: Slot) -> &Rows {
        static NONE: std::sync::LazyLock<Rows> = std::sync::LazyLock::new(Rows::default);
        self.0.get(slot.0).unwrap_or(&NONE)
    }

    /// The JSON object of `list::item` and its kin.
    pub fn item(&self, slot: Slot) -> Result<String, Error> {
        self.rows(slot).first().and_then(|r| r.text("item")).map(str::to_string).ok_or_else(|| NOT_FOUND.error())
    }
}

/// What an engine's failure means to the caller when nothing more is known.
pub fn failure(error: SqlError) -> Error {
    match error {
        SqlError::Guard(code) => match code.as_str() {
            "unauthenticated" => INVALID_TOKEN.error(),
            "missing_scope" => MISSING_SCOPE.error(),
            "forbidden" => FORBIDDEN.error(),
            "not_found" => NOT_FOUND.error(),
            "conflict" => TASK_ENDED.error(),
            "stale" => STALE_LEASE.error(),
            "replay" => IDEMPOTENCY_KEY_REUSED.error(),
            "too_many" => TOO_MANY_REQUESTS.error(),
            "insufficient_points" => INSUFFICIENT_POINTS.error(),
            _ => INTERNAL.error().cause(code),
        },
        SqlError::Busy(why) => UNAVAILABLE.error().retry_after(1).cause(why),
        other => INTERNAL.error().cause(other),
    }
}
