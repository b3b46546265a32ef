//! `/api/models`: checkpoints and adapters to draw with. Users import safetensors files that they have uploaded. A
//! model is private until its owner publishes it. Must not know how a runner uses one.

mod api;
mod import;
mod model;
mod safetensors;
mod sql;
#[cfg(test)]
mod tests;

use web::{App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::{ModelPatch, NewModel};
use crate::sql::MODELS;

const TRAIN: Operation =
    Operation::other("POST", "/api/models", "Train a model: refused, not available yet", Replies::Item(&MODELS))
        .secured();

const DOWNLOAD: Operation = Operation::other(
    "GET",
    "/api/models/{id}/download",
    "Download the file, by a redirect; each GET counts",
    Replies::Redirect("To the file"),
);

/// The operations.
pub fn routes() -> App {
    let import = "Create a model from an upload in safetensors: the model takes over the file, the upload is deleted";
    let update = "Rename, publish or hide a model, or change its trigger words";
    Routes::new("models", Dialect::Plain)
        .on(Operation::list("/api/models", &MODELS, "List the models you may use"), api::list)
        .on(TRAIN, api::train)
        .on(Operation::create("/api/models/import", &MODELS, &NewModel::FORM, import), import::create)
        .on(Operation::read("/api/models/{id}", &MODELS, "Read a model, or watch it over a WebSocket"), api::read)
        .on(Operation::update("/api/models/{id}", &MODELS, &ModelPatch::FORM, update), api::update)
        .on(Operation::delete("/api/models/{id}", "Delete a model with its file"), api::delete)
        .on(DOWNLOAD, api::download)
        .build()
}

edge::entry!(crate::routes);
