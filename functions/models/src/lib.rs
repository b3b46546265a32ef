//! `/api/models`: checkpoints and adapters to draw with. They are trained from datasets, or imported
//! (`imports`). A model is private until its owner publishes it. Must not know how a runner uses one.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use store::models::MODELS;
use submit::TrainingForm;
use web::{Access, App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::ModelPatch;

const TRAIN: &str = "Create a model and train it from the images of `dataset_id`, or of `data`";

const CANCEL: Operation = Operation::other(
    "POST",
    "/api/models/{id}/cancel",
    "Cancel the training: waiting at once, running within one step",
    Replies::Item(&MODELS),
)
.secured()
.needs(Access::Tasks);

const DOWNLOAD: Operation = Operation::other(
    "GET",
    "/api/models/{id}/download",
    "Download the file, by a redirect; each GET counts, except for later parts",
    Replies::Redirect("To the file"),
);

/// The operations.
pub fn routes() -> App {
    let update = "Rename, tag, publish or hide a model, or change its trigger words";
    Routes::new("models", Dialect::Plain)
        .on(Operation::list("/api/models", &MODELS, "List the models you may use"), api::list)
        .on(Operation::create("/api/models", &MODELS, &TrainingForm::FORM, TRAIN).needs(Access::Tasks), api::train)
        .on(Operation::read("/api/models/{id}", &MODELS, "Read a model, or watch it over a WebSocket"), api::read)
        .on(Operation::update("/api/models/{id}", &MODELS, &ModelPatch::FORM, update), api::update)
        .on(Operation::delete("/api/models/{id}", "Delete a model with its file; its training ends"), api::delete)
        .on(CANCEL, api::cancel)
        .on(DOWNLOAD, api::download)
        .build()
}

edge::entry!(crate::routes, KV);
