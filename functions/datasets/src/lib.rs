//! `/api/datasets`: images to train models with, each with a caption. A dataset is private until its owner publishes
//! it. The sweeper copies the images into our storage. Must not know how a training reads them.

mod api;
mod images;
mod model;
#[cfg(test)]
mod tests;

use store::datasets::{DATASET_IMAGES, DATASETS, WHOLE_DATASETS};
use web::{App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::{DatasetPatch, ImagePatch, NewDataset, NewImages};

/// The operations.
pub fn routes() -> App {
    let create = "Create a dataset of images: files of ours, images of ours, or addresses that are copied";
    let update = "Rename, publish or hide a dataset, or replace its images";
    let change_image = Operation::update(
        "/api/datasets/{id}/images/{image_id}",
        &DATASET_IMAGES,
        &ImagePatch::FORM,
        "Give an image another caption: a new row takes its place, with another id",
    );
    Routes::new("datasets", Dialect::Plain)
        .on(Operation::list("/api/datasets", &DATASETS, "List the datasets you may see"), api::list)
        .on(Operation::create("/api/datasets", &WHOLE_DATASETS, &NewDataset::FORM, create), api::create)
        .on(
            Operation::read("/api/datasets/{id}", &WHOLE_DATASETS, "Read a dataset, or watch it over a WebSocket"),
            api::read,
        )
        .on(Operation::update("/api/datasets/{id}", &WHOLE_DATASETS, &DatasetPatch::FORM, update), api::update)
        .on(Operation::delete("/api/datasets/{id}", "Delete a dataset with its copies"), api::delete)
        .on(Operation::list("/api/datasets/{id}/images", &DATASET_IMAGES, "List the images of a dataset"), images::list)
        .on(ADD, images::add)
        .on(change_image, images::update)
        .on(Operation::delete("/api/datasets/{id}/images/{image_id}", "Remove an image from a dataset"), images::remove)
        .build()
}

const ADD: Operation = Operation::other(
    "POST",
    "/api/datasets/{id}/images",
    "Add images to a dataset: the reply is the dataset",
    Replies::Created(&WHOLE_DATASETS),
)
.takes(&NewImages::FORM)
.secured()
.once();

edge::entry!(crate::routes);
