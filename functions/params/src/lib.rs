//! `/api/params`: JSON Schemas of what the forms of images and models may send, made from the definitions that the
//! validators read. Everyone reads them; administrators change the defaults of fields, which submissions then take
//! (`submit::FormParams`). Must not know what a runner does with a field.

mod api;
mod model;
#[cfg(test)]
mod tests;

use web::{App, Dialect, FormData, Operation, Routes};

use crate::model::{PARAMS, ParamsPatch, SCHEMA};

const READ: Operation = Operation::other(
    "GET",
    "/api/params/{name}",
    "Read the JSON Schema of a form: `image` for inference tasks, `model` for trainings",
    SCHEMA,
);
const UPDATE: Operation = Operation::other(
    "PATCH",
    "/api/params/{name}",
    "Change the defaults of fields, as an administrator; null brings back the built-in one",
    SCHEMA,
)
.takes(&ParamsPatch::FORM)
.secured();

/// The operations.
pub fn routes() -> App {
    Routes::new("params", Dialect::Plain)
        .on(Operation::list("/api/params", &PARAMS, "List the forms with their JSON Schemas"), api::list)
        .on(READ, api::read)
        .on(UPDATE, api::update)
        .build()
}

edge::entry!(crate::routes, KV);
