//! The operations every resource has, over its `Spec`: list, read, create, change, remove. Each is one batch.

use domain::{Error, Id};
use ports::Stmt;
use store::{Batch, ListQuery, Scope, Spec, idempotency, list, watch};

use crate::context::Ctx;
use crate::reply::{Failure, Reply};

impl Ctx {
    /// `GET /api/{name}`.
    pub async fn list(&self, spec: &'static Spec) -> Result<Reply, Failure> {
        self.list_in(self.reading()?, spec).await
    }

    /// The same in a batch that was begun with further conditions.
    pub async fn list_in(&self, (scope, batch): (Scope, Batch), spec: &'static Spec) -> Result<Reply, Failure> {
        let query = ListQuery::parse(spec, &self.parts.query, scope.me)?;
        self.page((scope, batch), spec, query).await
    }

    /// The same of the rows that belong to `parent` alone: a condition with `{}` where its id goes.
    pub async fn list_of(
        &self,
        (scope, batch): (Scope, Batch),
        spec: &'static Spec,
        condition: &'static str,
        parent: Id,
    ) -> Result<Reply, Failure> {
        let mut query = ListQuery::parse(spec, &self.parts.query, scope.me)?;
        query.conditions.push((condition.to_string(), parent.into()));
        self.page((scope, batch), spec, query).await
    }

    async fn page(
        &self,
        (scope, mut batch): (Scope, Batch),
        spec: &'static Spec,
        query: ListQuery,
    ) -> Result<Reply, Failure> {
        let [count, page] = list::statements(spec, &query, scope);
        let (count, page) = (batch.push(count), batch.push(page));
        let outcome = batch.run(&*self.cx.ports.sql).await?;
        Ok(Reply::Page(list::page(&query, outcome.rows(count), outcome.rows(page))))
    }

    /// `GET /api/{name}/{id}`, or the WebSocket of the same address.
    pub async fn read(&self, spec: &'static Spec, id: impl Into<ports::Value>) -> Result<Reply, Failure> {
        let id = id.into();
        if self.wants_socket() {
            return self.watch(spec, id).await;
        }
        let (scope, mut batch) = self.reading()?;
        let item = batch.push(list::item(spec, scope, id));
        let outcome = batch.run(&*self.cx.ports.sql).await?;
        Ok(Reply::Item(outcome.item(item)?))
    }

    /// `POST /api/{name}`: runs `insert`, one statement or several, then `after`. A repeat with the same
    /// `Idempotency-Key` and body gets the first response again. `inserted` finds the row that `insert` made.
    pub async fn create(
        &self,
        scope: Scope,
        mut batch: Batch,
        body_hash: &str,
        insert: impl Into<Vec<Stmt>>,
        inserted: Stmt,
        after: impl IntoIterator<Item = Stmt>,
    ) -> Result<Reply, Failure> {
        let key = self.idempotency(body_hash)?;
        let location = format!("{}/", self.path());
        if let Some(key) = &key {
            batch.extend(idempotency::guard(scope, key));
        }
        batch.extend(insert.into());
        let item = batch.push(inserted.clone());
        if let Some(key) = &key {
            batch.push(idempotency::store(scope, key, &location, &inserted));
        }
        batch.extend(after);
        match batch.run(&*self.cx.ports.sql).await {
            Ok(outcome) => {
                let item = outcome.item(item)?;
                let id = serde_json::from_str::<serde_json::Value>(&item).ok().and_then(|v| v.get("id").cloned());
                let id = id.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_string)).unwrap_or_default();
                Ok(Reply::Created { item, location: location + &id })
            }
            Err(error) => self.repeated(scope, key.as_ref(), error).await,
        }
    }

    /// Why a batch failed that had the guard of this key in it: it may be a repeat, which is answered as before.
    pub async fn repeated(&self, scope: Scope, key: Option<&idempotency::Key>, error: Error) -> Result<Reply, Failure> {
        let Some(key) = key.filter(|_| error.code() == REPLAY) else { return Err(error.into()) };
        let stored = idempotency::stored(&*self.cx.ports.sql, scope, key).await?;
        Ok(Reply::Created { item: stored.body, location: stored.location })
    }

    /// `PATCH /api/{name}/{id}`: runs `changes` if the row is the caller's to change, answers with the row as it is
    /// then, and tells its watchers.
    pub async fn change(
        &self,
        (scope, mut batch): (Scope, Batch),
        spec: &'static Spec,
        id: impl Into<ports::Value>,
        changes: impl IntoIterator<Item = Stmt>,
    ) -> Result<Reply, Failure> {
        let id = id.into();
        batch.extend(list::writable(spec, scope, id.clone()));
        batch.extend(changes);
        let item = batch.push(list::item(spec, scope, id.clone()));
        let event = batch.push(watch::change(spec, scope, id.clone()));
        let outcome = batch.run(&*self.cx.ports.sql).await?;
        self.tell(room(spec, &id), watch::event(outcome.rows(event), self.cx.now.0));
        Ok(Reply::Item(outcome.item(item)?))
    }

    /// `DELETE /api/{name}/{id}`: the same for removals.
    pub async fn remove(
        &self,
        (scope, mut batch): (Scope, Batch),
        spec: &'static Spec,
        id: impl Into<ports::Value>,
        removals: impl IntoIterator<Item = Stmt>,
    ) -> Result<Reply, Failure> {
        let id = id.into();
        batch.extend(list::writable(spec, scope, id.clone()));
        batch.extend(removals);
        batch.run(&*self.cx.ports.sql).await?;
        self.tell(room(spec, &id), watch::event(&ports::Rows::default(), self.cx.now.0));
        Ok(Reply::Done)
    }
}

/// The code `Batch` gives a broken `replay` guard.
const REPLAY: &str = "idempotency_key_reused";

/// `tags/12`
pub(crate) fn room(spec: &Spec, id: &ports::Value) -> String {
    match id {
        ports::Value::Text(id) => format!("{}/{id}", spec.name),
        ports::Value::Int(id) => format!("{}/{id}", spec.name),
        _ => spec.name.to_string(),
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        failure.0
    }
}
