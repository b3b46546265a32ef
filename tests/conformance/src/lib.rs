//! `/conformance`: what the engines of this platform do otherwise than the ports promise. The checks are those of
//! `ports::conformance`, which the native adapters pass in their own tests; this brings them into the real engines.

#[cfg(test)]
mod tests;

use ports::conformance;
use serde_json::json;
use web::{App, Ctx, Dialect, Op, Replies, Reply, Result, Routes};

const OUTCOME: Replies = Replies::Object(200, "Per port null, or what differs");

pub fn routes() -> App {
    let run = Op::other("GET", "/conformance", "Run the conformance suite", OUTCOME);
    Routes::new("conformance", Dialect::Plain).on(run, check).build()
}

/// One call at a time: the suites use fixed names.
async fn check(ctx: Ctx) -> Result {
    let ports = &ctx.cx.ports;
    let outcome = json!({
        "sql": conformance::sql(&*ports.sql).await.err(),
        "kv": conformance::kv(&*ports.kv).await.err(),
        "blobs": conformance::blobs(&*ports.blobs).await.err(),
    });
    Ok(Reply::Item(outcome.to_string()))
}

edge::entry!(crate::routes);
