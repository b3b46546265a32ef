//! A transaction: statements that are collected and then run as one atomic batch. It may check conditions before it
//! writes; each condition fails with an error of its own.

use std::sync::Arc;

use domain::messages::{IDEMPOTENCY_KEY_REUSED, INSUFFICIENT_POINTS, INTERNAL, NOT_FOUND, TASK_ENDED, UNAVAILABLE};
use domain::{Error, Message};
use ports::{Row, Rows, Runtime, Sql, SqlError, Stmt};

use crate::idempotency::{self, IdempotencyKey, Stored};
use crate::query::{Arg, Query, Scope};

/// Messages of guards inside of triggers, which the database raises by code (`shared/migrations`).
static RAISED_BY_TRIGGERS: [&Message; 2] = [&INSUFFICIENT_POINTS, &TASK_ENDED];

/// A guard number for which the database has a message. The trigger `guard_check` lists them.
const MAX_GUARDS: usize = 32;

/// Statements on behalf of a caller, to be run as one atomic batch.
pub struct Tx {
    /// Who asks, and how the answer is given.
    pub scope: Scope,
    sql: Arc<dyn Sql>,
    stmts: Vec<Stmt>,
    /// What each guard fails with, by its number.
    guards: Vec<Failure>,
    /// What a duplicate in a column fails with: `tags.name`.
    unique: Vec<(&'static str, Error)>,
    idempotency_key: Option<IdempotencyKey>,
    answer: Option<StmtIndex>,
}

/// What a guard that does not hold means.
enum Failure {
    Error(Error),
    /// One of several fields of the request is to blame: the query yields it as `field`.
    Field(Query, fn(String) -> Error),
    /// The request is the repeat of an earlier one.
    Repeat,
}

/// Names a statement, to find its rows in the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StmtIndex(usize);

/// What a transaction that may be the repeat of an earlier one led to.
pub enum FirstOrRepeat {
    /// It ran.
    First(Outcome),
    /// An earlier request had the same idempotency key and body: its response.
    Repeat(Stored),
}

impl Tx {
    /// An empty transaction.
    pub fn new(sql: Arc<dyn Sql>, scope: Scope) -> Tx {
        let (stmts, guards, unique) = (Vec::new(), Vec::new(), Vec::new());
        Tx { scope, sql, stmts, guards, unique, idempotency_key: None, answer: None }
    }

    /// An empty transaction of the platform's own, on behalf of nobody.
    pub fn system(runtime: &Runtime) -> Tx {
        Tx::new(runtime.sql.clone(), Scope::system(runtime.now))
    }

    /// Adds a statement.
    pub fn push(&mut self, query: Query) -> StmtIndex {
        self.stmts.push(query.bind(self.scope));
        StmtIndex(self.stmts.len() - 1)
    }

    /// Adds a statement with its arguments.
    pub fn exec(
        &mut self,
        sql: impl Into<std::borrow::Cow<'static, str>>,
        args: impl IntoIterator<Item = Arg>,
    ) -> StmtIndex {
        self.push(Query::new(sql, args))
    }

    /// Fails the whole transaction with this error unless the condition, an SQL expression, holds at this place.
    pub fn guard(&mut self, error: impl Into<Error>, condition: &str, args: impl IntoIterator<Item = Arg>) {
        self.add_guard(Failure::Error(error.into()), condition, args);
    }

    /// As `guard`, where one of a list's fields may be to blame. `wrong` is an SQL query of `field`, without rows where
    /// the guard holds; the transaction fails with the error about the first. Finding it is one more trip.
    pub fn guard_fields(&mut self, error: fn(String) -> Error, wrong: &str, args: impl IntoIterator<Item = Arg>) {
        let query = Query::new(wrong.to_string(), args);
        let guard =
            query.clone().wrap(|sql| format!("INSERT INTO guard SELECT {}, NOT EXISTS ({sql})", self.guards.len()), []);
        self.push_guard(Failure::Field(query, error), guard);
    }

    fn add_guard(&mut self, failure: Failure, condition: &str, args: impl IntoIterator<Item = Arg>) {
        let guard = Query::new(format!("INSERT INTO guard SELECT {}, ({condition})", self.guards.len()), args);
        self.push_guard(failure, guard);
    }

    fn push_guard(&mut self, failure: Failure, guard: Query) {
        debug_assert!(self.guards.len() < MAX_GUARDS, "more guards than the database has numbers for");
        self.push(guard);
        self.guards.push(failure);
    }

    /// Fails with this error where a statement makes a duplicate in `table.column`.
    pub fn unique(&mut self, column: &'static str, error: impl Into<Error>) {
        self.unique.push((column, error.into()));
    }

    /// Lets the transaction write once for each idempotency key; to be called before anything is written.
    pub fn once(&mut self, key: IdempotencyKey) {
        self.push(idempotency::forget_expired(&key));
        let (condition, args) = idempotency::is_new(&key);
        self.add_guard(Failure::Repeat, condition, args);
        self.idempotency_key = Some(key);
    }

    /// Sets the query, of one row with a JSON object `item`, whose result is the answer to a creation. With an
    /// idempotency key that answer is stored for repeats.
    pub fn answer(&mut self, item: Query) {
        self.answer = Some(self.push(item.clone()));
        if let Some(key) = &self.idempotency_key {
            let store = idempotency::store(key, item);
            self.push(store);
        }
    }

    /// Runs the transaction.
    ///
    /// # Errors
    ///
    /// The error of the guard or constraint that failed; `unavailable` when the database is busy.
    pub async fn run(self) -> Result<Outcome, Error> {
        match self.run_once().await? {
            FirstOrRepeat::First(outcome) => Ok(outcome),
            FirstOrRepeat::Repeat(_) => Err(IDEMPOTENCY_KEY_REUSED.on("Idempotency-Key")),
        }
    }

    /// Runs the transaction, or finds the response to the request that it repeats.
    ///
    /// # Errors
    ///
    /// As `run`; `idempotency_key_reused` when the earlier request had another body.
    pub async fn run_once(self) -> Result<FirstOrRepeat, Error> {
        let Tx { scope, sql, stmts, mut guards, mut unique, idempotency_key, answer } = self;
        let error = match sql.run(stmts).await {
            Ok(rows) => return Ok(FirstOrRepeat::First(Outcome { rows, answer })),
            Err(error) => error,
        };
        let failure = match &error {
            SqlError::Guard(code) => match code.parse::<usize>().ok().filter(|number| *number < guards.len()) {
                Some(number) => guards.swap_remove(number),
                None => Failure::Error(raised_by_trigger(code)),
            },
            SqlError::Unique(column) => match unique.iter().position(|(known, _)| known == column) {
                Some(i) => Failure::Error(unique.swap_remove(i).1),
                None => Failure::Error(failure(error)),
            },
            _ => Failure::Error(failure(error)),
        };
        match (failure, idempotency_key) {
            (Failure::Error(error), _) => Err(error),
            (Failure::Field(query, error), _) => Err(error(wrong_field(&*sql, scope, query).await?)),
            (Failure::Repeat, Some(key)) => Ok(FirstOrRepeat::Repeat(idempotency::stored(&*sql, scope, &key).await?)),
            (Failure::Repeat, None) => Err(INTERNAL.error().cause("a repeat without an idempotency key")),
        }
    }
}

impl Scope {
    /// The scope of the platform's own work.
    pub fn system(now: domain::Millis) -> Scope {
        Scope { me: 0, now, version: Default::default(), lang: Default::default() }
    }
}

/// The rows of a transaction's statements.
pub struct Outcome {
    rows: Vec<Rows>,
    answer: Option<StmtIndex>,
}

impl Outcome {
    /// The rows of a statement; none where the engine returned fewer results than there were statements.
    pub fn rows(&self, stmt: StmtIndex) -> &Rows {
        static NONE: std::sync::LazyLock<Rows> = std::sync::LazyLock::new(Rows::default);
        self.rows.get(stmt.0).unwrap_or(&NONE)
    }

    /// The first row of a statement.
    pub fn row(&self, stmt: StmtIndex) -> Option<Row<'_>> {
        self.rows(stmt).first()
    }

    /// The column `id` of all rows of a statement.
    pub fn ids(&self, stmt: StmtIndex) -> Vec<i64> {
        self.rows(stmt).iter().filter_map(|row| row.int("id")).collect()
    }

    /// The JSON object in column `item`; `not_found` when there is no row.
    pub fn item(&self, stmt: StmtIndex) -> Result<String, Error> {
        self.row(stmt).and_then(|r| r.text("item")).map(str::to_string).ok_or_else(|| NOT_FOUND.error())
    }

    /// The JSON object of `Tx::answer`.
    pub fn answer(&self) -> Result<String, Error> {
        let stmt = self.answer.ok_or_else(|| INTERNAL.error().cause("a creation without an answer"))?;
        self.item(stmt)
    }
}

/// The field that the query of a `guard_fields` yields first.
async fn wrong_field(sql: &dyn Sql, scope: Scope, query: Query) -> Result<String, Error> {
    let rows = sql.run(vec![query.bind(scope)]).await.map_err(failure)?;
    let field = rows.first().and_then(Rows::first).and_then(|row| row.text("field")).map(str::to_string);
    // It may have become right in between.
    field.ok_or_else(|| UNAVAILABLE.error().retry_after(1))
}

fn raised_by_trigger(code: &str) -> Error {
    let known = RAISED_BY_TRIGGERS.iter().find(|message| message.code == code);
    known.map_or_else(|| INTERNAL.error().cause(format!("guard {code}")), |message| message.error())
}

/// The meaning of an engine's failure where nothing more is known.
pub fn failure(error: SqlError) -> Error {
    match error {
        SqlError::Busy(source) => UNAVAILABLE.error().retry_after(1).cause(source),
        SqlError::Guard(code) => raised_by_trigger(&code),
        other => INTERNAL.error().cause(other),
    }
}
