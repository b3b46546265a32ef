//! `/api/models`: what changes how pictures are drawn. People bring them as safetensors files they have uploaded; a model
//! is private until its owner says otherwise. Must not know how a runner uses one.

mod api;
mod import;
mod model;
mod safetensors;
mod store;
#[cfg(test)]
mod tests;

use web::{App, Dialect, Op, Replies, Routes};

use crate::model::{Import, PATCH};
use crate::store::MODELS;

pub fn routes() -> App {
    let import = "Make a model of an upload in safetensors, which the model takes over: the upload itself is gone";
    let download = "Its file, by a redirect";
    Routes::new("models", Dialect::Plain)
        .on(Op::list("/api/models", &MODELS, "List the models one may use"), api::list)
        .on(
            Op::other("POST", "/api/models", "Train a model: refused, not available yet", Replies::Item(&MODELS))
                .secured(),
            api::train,
        )
        .on(Op::create("/api/models/import", &MODELS, &Import::FORM, import), import::create)
        .on(Op::read("/api/models/{id}", &MODELS, "Read a model, or watch it over a WebSocket"), api::read)
        .on(Op::update("/api/models/{id}", &MODELS, &PATCH, "Change what is said about a model"), api::update)
        .on(Op::delete("/api/models/{id}", "Delete a model with its file"), api::delete)
        .on(
            Op::other("GET", "/api/models/{id}/download", download, Replies::Object(302, "Where the file is")),
            api::download,
        )
        .build()
}

edge::entry!(crate::routes);
