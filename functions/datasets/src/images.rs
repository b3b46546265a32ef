//! The handlers of a dataset's images. Each is one transaction.

use store::datasets::{self, DATASET_IMAGES, DATASETS, DatasetRef};
use web::{Json, JsonUpTo, PathId, PathParams, Reply, RequestCtx, Result};

use crate::api::{changed, created};
use crate::model::{ImagePatch, MAX_BODY, NewImages};

pub async fn list(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.read()?;
    tx.require_visible(&DATASETS, id);
    ctx.list_of(tx, &DATASET_IMAGES, "t.dataset_id = {}", id).await
}

pub async fn add(ctx: RequestCtx, PathId(id): PathId, body: JsonUpTo<NewImages, MAX_BODY>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    tx.require_writable(&DATASETS, id);
    let new = body.read()?;
    let images = ctx.image_sources().images("images", &new.images)?;
    datasets::add_images(&mut tx, DatasetRef::Id(id), &images, "images");
    datasets::update(&mut tx, id, None, None, None);
    created(&ctx, tx, id).await
}

pub async fn update(ctx: RequestCtx, params: PathParams, body: Json<ImagePatch>) -> Result {
    let (id, image_id) = (params.id("id")?, params.id("image_id")?);
    let mut tx = ctx.write_to(&DATASETS, id)?;
    let patch = body.read()?;
    let item = datasets::recaption_image(&mut tx, id, image_id, patch.caption.as_deref().unwrap_or_default());
    let change = tx.change(&DATASETS, id);
    let outcome = tx.run().await?;
    changed(&ctx, id, &outcome, change);
    Ok(Reply::Item(outcome.item(item)?))
}

pub async fn remove(ctx: RequestCtx, params: PathParams) -> Result {
    let (id, image_id) = (params.id("id")?, params.id("image_id")?);
    let mut tx = ctx.write_to(&DATASETS, id)?;
    datasets::remove_image(&mut tx, id, image_id);
    let change = tx.change(&DATASETS, id);
    let outcome = tx.run().await?;
    changed(&ctx, id, &outcome, change);
    Ok(Reply::Done)
}
