//! `/api/models/import`: uploads in safetensors that become models. Apart from `models`, which needs no object store.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use store::models::MODELS;
use web::{App, Dialect, FormData, Operation, Routes};

use crate::model::NewModel;

/// The operations.
pub fn routes() -> App {
    const IMPORT: &str =
        "Create a model from an upload in safetensors: the model takes over the file, the upload is deleted";
    Routes::new("imports", Dialect::Plain)
        .on(Operation::create("/api/models/import", &MODELS, &NewModel::FORM, IMPORT), api::create)
        .build()
}

edge::entry!(crate::routes, BLOBS);
