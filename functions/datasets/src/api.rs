//! The handlers of datasets: authorise, validate, store, reply. Each is one transaction.

use store::datasets::{self, DATASETS, DatasetRef, WHOLE_DATASETS};
use store::{FirstOrRepeat, Outcome, StmtIndex, Tx, args, list, watch};
use web::{JsonUpTo, PathId, Reply, RequestCtx, Result};

use crate::model::{DatasetPatch, MAX_BODY, NewDataset};

pub async fn list(ctx: RequestCtx) -> Result {
    ctx.list(&DATASETS).await
}

/// A reply has all images, a frame the first ones.
pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    if ctx.wants_socket() { ctx.watch(&DATASETS, id.into()).await } else { ctx.show(&WHOLE_DATASETS, id).await }
}

pub async fn create(ctx: RequestCtx, body: JsonUpTo<NewDataset, MAX_BODY>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    let NewDataset { name, info, images, public } = body.read()?;
    let images = ctx.image_sources().images("images", &images)?;
    datasets::insert(&mut tx, &datasets::NewDataset { name: &name, info: &info, public });
    datasets::add_images(&mut tx, DatasetRef::Newest, &images, "images");
    let newest = "t.id = (SELECT max(id) FROM datasets WHERE user_id = :me)";
    tx.answer(list::item_where(&WHOLE_DATASETS, tx.scope, newest, []));
    let reply = ctx.created_answer(tx).await?;
    ctx.wake_sweeper();
    Ok(reply)
}

pub async fn update(ctx: RequestCtx, PathId(id): PathId, body: JsonUpTo<DatasetPatch, MAX_BODY>) -> Result {
    let mut tx = ctx.write_to(&DATASETS, id)?;
    let patch = body.read()?;
    datasets::update(&mut tx, id, patch.name.as_deref(), patch.info.as_deref(), patch.public);
    if let Some(images) = &patch.images {
        let images = ctx.image_sources().images("images", images)?;
        datasets::replace_images(&mut tx, id, &images, "images");
    }
    let item = tx.item(&WHOLE_DATASETS, id);
    let change = tx.change(&DATASETS, id);
    let outcome = tx.run().await?;
    changed(&ctx, id, &outcome, change);
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn delete(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&DATASETS, id)?;
    datasets::delete(&mut tx, id);
    let reply = ctx.deleted(tx, &DATASETS, id).await?;
    ctx.wake_sweeper();
    Ok(reply)
}

/// Ends a creation whose answer is the dataset with its change: as `RequestCtx::created_answer`.
pub async fn created(ctx: &RequestCtx, mut tx: Tx, id: i64) -> Result {
    tx.answer(list::item_where(&WHOLE_DATASETS, tx.scope, "t.id = :id", args! { id }));
    let change = tx.change(&DATASETS, id);
    match tx.run_once().await? {
        FirstOrRepeat::First(outcome) => {
            changed(ctx, id, &outcome, change);
            Ok(Reply::Created { item: outcome.answer()?, location: format!("/api/datasets/{id}") })
        }
        FirstOrRepeat::Repeat(stored) => Ok(Reply::repeat(stored).map_location(|_| format!("/api/datasets/{id}"))),
    }
}

/// Publishes a change, and wakes the sweeper: there are images to copy or copies to delete.
pub fn changed(ctx: &RequestCtx, id: i64, outcome: &Outcome, change: StmtIndex) {
    let event = watch::event(&DATASETS, outcome.rows(change), ctx.runtime.now.0);
    ctx.publish(format!("datasets/{id}"), event);
    ctx.wake_sweeper();
}
