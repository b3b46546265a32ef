//! The defaults that administrators gave to the fields of forms. The table `params` has the truth; one entry in the
//! key-value store is a copy that saves a submission a trip to the database. Must not know the forms.
//!
//! A change writes the entry before its reply. That write may fail, come late or lose a race, so the entry has the time
//! at which the table was read, and a reader that meets an old one reads the table again.

use domain::messages::INTERNAL;
use domain::{Error, Millis};
use futures_util::future::BoxFuture;
use ports::{Kv, Row, Rows, Runtime, Stmt};
use serde_json::{Map, Value, json};

use crate::args;
use crate::tx::{Outcome, StmtIndex, Tx, failure};

/// The key of the entry.
pub const KEY: &str = "params";

/// Milliseconds after which an entry is read again from the table.
pub const FRESH_MS: i64 = 60_000;

/// Milliseconds for which a submission goes by an old entry, which is renewed after the reply.
pub const USABLE_MS: i64 = 24 * 60 * 60 * 1000;

/// All defaults, as one JSON object.
const SELECT: &str = "SELECT json_group_object(name, json(defaults)) AS item FROM params";

/// Defaults by the name of the form, `image` or `model`, and of the field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(Map<String, Value>);

impl Params {
    /// The defaults of one form. Null where administrators have set none.
    pub fn form(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    /// Text of the entry, for a table that was read at `read_at`, in milliseconds since 1970.
    pub fn entry(&self, read_at: i64) -> String {
        json!({"read_at": read_at, "defaults": self.0}).to_string()
    }

    /// Reads an entry: the defaults, and when they were read from the table. None for a broken one.
    fn of_entry(text: &str) -> Option<(Params, i64)> {
        let mut entry: Value = serde_json::from_str(text).ok()?;
        let read_at = entry.get("read_at")?.as_i64()?;
        match entry.get_mut("defaults").map(Value::take)? {
            Value::Object(forms) if forms.values().all(Value::is_object) => Some((Params(forms), read_at)),
            _ => None,
        }
    }

    /// The defaults that a statement of `select` found.
    ///
    /// # Errors
    ///
    /// `internal_error` when the table holds something else.
    pub fn of(outcome: &Outcome, stmt: StmtIndex) -> Result<Params, Error> {
        Params::of_row(outcome.row(stmt))
    }

    fn of_row(row: Option<Row<'_>>) -> Result<Params, Error> {
        match row.and_then(|row| row.text("item")).map(serde_json::from_str) {
            Some(Ok(Value::Object(forms))) => Ok(Params(forms)),
            _ => Err(INTERNAL.error().cause("params are not JSON objects")),
        }
    }
}

/// Adds the query of all defaults.
pub fn select(tx: &mut Tx) -> StmtIndex {
    tx.exec(SELECT, [])
}

/// Changes defaults of a form: `changes` is JSON of fields and their values, null for the default of the program. Other
/// fields stay as they are, also where another administrator changes them at the same time.
pub fn update(tx: &mut Tx, name: &str, changes: &Value) {
    tx.exec(
        "INSERT INTO params (name, defaults, updated_at) VALUES (:name, json_patch('{}', :changes), :now) \
         ON CONFLICT (name) DO UPDATE SET defaults = json_patch(defaults, :changes), \
         updated_at = max(:now, updated_at + 1)",
        args! { name, changes: changes.to_string() },
    );
}

/// The defaults: from the entry where it is at most `usable_ms` old, else from the table. Reading
/// the table writes the entry anew. An entry that is used although older than `FRESH_MS` is renewed after the reply.
///
/// # Errors
///
/// Those of the database, where the entry does not do.
pub async fn load(runtime: &Runtime, usable_ms: i64) -> Result<Params, Error> {
    let entry = runtime.kv.get(KEY).await.unwrap_or_else(|error| {
        log::warn!("The defaults of forms come from the database: {error}");
        None
    });
    if let Some((params, read_at)) = entry.and_then(|text| Params::of_entry(&text)) {
        // Clocks differ: an entry may be of the near future.
        let age = runtime.now.0.saturating_sub(read_at);
        if (-FRESH_MS..=usable_ms).contains(&age) {
            if age > FRESH_MS {
                let renewal = read(runtime);
                runtime.background.spawn(Box::pin(async move {
                    if let Err(error) = renewal.await {
                        log::warn!("The defaults of forms were not read again: {error}");
                    }
                }));
            }
            return Ok(params);
        }
    }
    read(runtime).await
}

/// Writes the entry, for a table that was read at `read_at`. A failure is logged: readers do without it.
pub async fn keep(kv: &dyn Kv, params: &Params, read_at: Millis) {
    if let Err(error) = kv.put(KEY, &params.entry(read_at.0)).await {
        log::warn!("The defaults of forms were not kept, readers go to the database: {error}");
    }
}

/// Reads the table and writes the entry. Boxed, without a `Tx` and with no more of the runtime than it needs: otherwise
/// it adds 3 KiB to every function that submits.
fn read(runtime: &Runtime) -> BoxFuture<'static, Result<Params, Error>> {
    let (sql, kv, now) = (runtime.sql.clone(), runtime.kv.clone(), runtime.now);
    Box::pin(async move {
        let rows = sql.run(vec![Stmt::new(SELECT, [])]).await.map_err(failure)?;
        let params = Params::of_row(rows.first().and_then(Rows::first))?;
        keep(&*kv, &params, now).await;
        Ok(params)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_and_a_broken_one_is_none() {
        let params = Params(Map::from_iter([("image".to_string(), json!({"width": 64}))]));
        assert_eq!(Params::of_entry(&params.entry(7)), Some((params, 7)));
        for text in [
            "",
            "null",
            "{}",
            r#"{"read_at":1}"#,
            r#"{"read_at":"1","defaults":{}}"#,
            r#"{"read_at":1,"defaults":[]}"#,
            r#"{"read_at":1,"defaults":{"image":3}}"#,
            r#"{"read_at":1,"defaults":{"ima"#,
        ] {
            assert_eq!(Params::of_entry(text), None, "{text}");
        }
    }
}
