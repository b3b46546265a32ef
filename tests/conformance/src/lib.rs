//! `/conformance`: the differences between this platform's engines and the ports. The checks are those of
//! `ports::conformance`, which the native adapters pass in their own tests; this function runs them in the real
//! engines.

#[cfg(test)]
mod tests;

use ports::{Sql, Stmt, conformance};
use serde_json::json;
use store::{Property, Shape};
use web::{App, Dialect, Operation, Replies, Reply, RequestCtx, Result, Routes};

const DIFFERENCE: Shape = Shape::Nullable(&Shape::Text);

const OUTCOME: Shape = Shape::Object(&[
    Property::new("sql", DIFFERENCE, ""),
    Property::new("kv", DIFFERENCE, ""),
    Property::new("blobs", DIFFERENCE, ""),
    Property::new("queue", DIFFERENCE, ""),
    Property::new("hub", DIFFERENCE, ""),
    Property::new("fetch", DIFFERENCE, ""),
]);

/// The operations.
pub fn routes() -> App {
    const RUN: Operation = Operation::other(
        "GET",
        "/conformance",
        "Run the conformance suite; `server` and `closed` are the origins that the checks of fetch need",
        Replies::Json { status: 200, about: "Per port null, or the first difference", shape: &OUTCOME },
    );
    Routes::new("conformance", Dialect::Plain).on(RUN, check).build()
}

/// One call at a time: the suites use fixed names.
async fn check(ctx: RequestCtx) -> Result {
    let runtime = &ctx.runtime;
    let origin = |name| ctx.parameter(name).unwrap_or_default();
    let room = format!("conformance/{}", runtime.token());
    let pull = |queue| pull(&*runtime.sql, queue);
    let outcome = json!({
        "sql": conformance::sql(&*runtime.sql).await.err(),
        "kv": conformance::kv(&*runtime.kv).await.err(),
        "blobs": conformance::blobs(&*runtime.blobs).await.err(),
        "queue": conformance::queue(&*runtime.queue, pull).await.err(),
        "hub": conformance::hub(&*runtime.hub, &room, edge::event_stream_text).await.err(),
        "fetch": conformance::fetch(&*runtime.fetch, &origin("server"), &origin("closed")).await.err(),
    });
    Ok(Reply::Item(outcome.to_string()))
}

/// Takes all messages out of the embedded queue's table.
async fn pull(sql: &dyn Sql, queue: &'static str) -> std::result::Result<Vec<String>, String> {
    let statements = [
        "SELECT body FROM queue_messages WHERE queue = ?1 ORDER BY position",
        "DELETE FROM queue_messages WHERE queue = ?1",
    ];
    let batch = statements.map(|text| Stmt::new(text, [queue.into()]));
    let results = sql.run(batch.into()).await.map_err(|e| e.to_string())?;
    let rows = results.first().map(|rows| rows.iter().filter_map(|row| Some(row.text("body")?.to_string())).collect());
    Ok(rows.unwrap_or_default())
}

edge::entry!(crate::routes, KV, BLOBS, FETCH);
