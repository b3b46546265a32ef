//! What a training learns from and goes on from: `GET /callbacks/dataset/{task}/{attempt}` is a page of the images,
//! `…/{index}` the file of one, `GET /callbacks/state/{task}/{attempt}` the state that an earlier attempt stored.

use protocol::runner::{DATASET_PAGE, DatasetImage, DatasetPage, dataset_image_path, dataset_path, state_path};
use store::tasks;
use web::{PathParams, RequestCtx, Result};

use crate::api::json;
use crate::leased_file::{read, send};

pub async fn page(ctx: RequestCtx, params: PathParams) -> Result {
    let after = ctx.parameter("after").and_then(|after| domain::id::parse(&after)).unwrap_or(0);
    let path = |task, attempt, _| dataset_path(task, attempt);
    let rows = read(&ctx, params, path, |tx, task_id, _| tasks::dataset_page(tx, task_id, after)).await?;
    let mut images: Vec<DatasetImage> = rows
        .iter()
        .filter_map(|row| {
            Some(DatasetImage {
                id: row.int("id")?,
                size: u64::try_from(row.int("size")?).ok()?,
                sha256: row.text("sha256")?.to_string(),
                caption: row.text("caption").unwrap_or_default().to_string(),
            })
        })
        .collect();
    let more = images.len() > DATASET_PAGE;
    images.truncate(DATASET_PAGE);
    let next = images.last().map(|image| image.id).filter(|_| more);
    json(&DatasetPage { images, next })
}

pub async fn image(ctx: RequestCtx, params: PathParams) -> Result {
    let found = read(&ctx, params, dataset_image_path, tasks::dataset_image).await?;
    send(&ctx, &found).await
}

pub async fn state(ctx: RequestCtx, params: PathParams) -> Result {
    let path = |task, attempt, _| state_path(task, attempt);
    let found = read(&ctx, params, path, |tx, task_id, _| tasks::stored_state(tx, task_id)).await?;
    send(&ctx, &found).await
}
