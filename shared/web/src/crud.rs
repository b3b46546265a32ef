//! The operations every resource has, over its `Spec`: list, show, create, update, delete. Each is one transaction,
//! which the handler has begun and filled.

use domain::Id;
use ports::Value;
use store::list_query::Condition;
use store::{FirstOrRepeat, ListQuery, Outcome, Spec, Tx, list, watch};

use crate::reply::{Failure, Reply, Result};
use crate::request_ctx::RequestCtx;

impl RequestCtx {
    /// `GET /api/{name}`.
    pub async fn list(&self, spec: &'static Spec) -> Result {
        self.list_in(self.read()?, spec).await
    }

    /// As `list`, in a transaction with further guards.
    pub async fn list_in(&self, tx: Tx, spec: &'static Spec) -> Result {
        let query = ListQuery::parse(spec, &self.head.query, tx.scope.me)?;
        self.page(tx, spec, &query).await
    }

    /// As `list_in`, of the rows that belong to `parent`: a condition with `{}` in place of its id.
    pub async fn list_of(&self, tx: Tx, spec: &'static Spec, condition: &'static str, parent: Id) -> Result {
        let mut query = ListQuery::parse(spec, &self.head.query, tx.scope.me)?;
        query.conditions.push(Condition { sql: condition.to_string(), value: parent.into(), until: None });
        self.page(tx, spec, &query).await
    }

    async fn page(&self, mut tx: Tx, spec: &'static Spec, query: &ListQuery) -> Result {
        let page = tx.page(spec, query);
        let outcome = tx.run().await?;
        Ok(Reply::Page(page.read(query, &outcome)))
    }

    /// `GET /api/{name}/{id}`, or the WebSocket of the same address.
    pub async fn show(&self, spec: &'static Spec, id: impl Into<Value>) -> Result {
        let id = id.into();
        if self.wants_socket() {
            return self.watch(spec, id).await;
        }
        let mut tx = self.read()?;
        let item = tx.item(spec, id);
        Ok(Reply::Item(tx.run().await?.item(item)?))
    }

    /// Ends `POST /api/{name}`: runs the transaction, whose last statement inserted the row, and replies with it.
    pub async fn created(&self, mut tx: Tx, spec: &Spec) -> Result {
        tx.answer(list::inserted(spec, tx.scope));
        self.created_answer(tx).await
    }

    /// Ends a creation whose transaction has its answer: runs it and replies with that, or as the first time when the
    /// request is a repeat.
    pub async fn created_answer(&self, tx: Tx) -> Result {
        self.created_reply(tx.run_once().await?)
    }

    /// The reply to a creation whose transaction has run.
    pub fn created_reply(&self, run: FirstOrRepeat) -> Result {
        match run {
            FirstOrRepeat::First(outcome) => {
                let item = outcome.answer()?;
                let location = format!("{}/{}", self.path(), id_of(&item));
                Ok(Reply::Created { item, location })
            }
            FirstOrRepeat::Repeat(stored) => Ok(Reply::repeat(stored)),
        }
    }

    /// Ends `PATCH /api/{name}/{id}`: runs the transaction, replies with the row as it is then, and publishes the
    /// change.
    pub async fn updated(&self, tx: Tx, spec: &Spec, id: impl Into<Value>) -> Result {
        Ok(self.updated_with(tx, spec, spec, id).await?.0)
    }

    /// As `updated`, for a resource whose watchers see `frames`. Returns also the rows of the transaction's statements.
    pub async fn updated_with(
        &self,
        mut tx: Tx,
        spec: &Spec,
        frames: &Spec,
        id: impl Into<Value>,
    ) -> std::result::Result<(Reply, Outcome), Failure> {
        let id = id.into();
        let item = tx.item(spec, id.clone());
        let change = tx.change(frames, id.clone());
        let outcome = tx.run().await?;
        self.publish(room(frames, &id), watch::event(frames, outcome.rows(change), self.runtime.now.0));
        Ok((Reply::Item(outcome.item(item)?), outcome))
    }

    /// Ends `DELETE /api/{name}/{id}`: runs the transaction and publishes that the row is gone.
    pub async fn deleted(&self, tx: Tx, spec: &Spec, id: impl Into<Value>) -> Result {
        tx.run().await?;
        self.publish(room(spec, &id.into()), watch::gone(self.runtime.now.0));
        Ok(Reply::Done)
    }
}

/// The id of a JSON object, a number or a string.
fn id_of(item: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(item).unwrap_or_default();
    match json.get("id") {
        Some(serde_json::Value::String(id)) => id.clone(),
        Some(id) => id.to_string(),
        None => String::new(),
    }
}

/// `tags/12`
pub(crate) fn room(spec: &Spec, id: &Value) -> String {
    match id {
        Value::Text(id) => format!("{}/{id}", spec.name),
        Value::Int(id) => format!("{}/{id}", spec.name),
        Value::Null | Value::Real(_) => spec.name.to_string(),
    }
}
