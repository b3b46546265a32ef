//! The log of one webhook: its deliveries, and their replay. Each handler is one transaction.

use store::webhooks::WEBHOOKS;
use web::{PathId, PathParams, Reply, RequestCtx, Result};

use crate::sql::{self, DELIVERIES};

pub async fn list(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write()?;
    tx.require_visible(&WEBHOOKS, id);
    ctx.list_of(tx, &DELIVERIES, "t.webhook_id = {}", id).await
}

pub async fn replay(ctx: RequestCtx, path: PathParams) -> Result {
    let (webhook, id) = (path.id("id")?, path.id("delivery")?);
    let mut tx = ctx.write_to(&WEBHOOKS, webhook)?;
    sql::replay(&mut tx, webhook, id);
    let item = tx.item(&DELIVERIES, id);
    let outcome = tx.run().await?;
    ctx.wake_sweeper();
    Ok(Reply::Item(outcome.item(item)?))
}
