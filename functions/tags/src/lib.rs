//! `/api/tags`: short names that images carry. Everyone reads them, any user makes them, their creator and
//! administrators change them. This crate is the pattern for every other resource.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use web::{App, Dialect, FormData, Operation, Routes};

use crate::model::{NewTag, TagPatch};
use crate::sql::TAGS;

/// The operations.
pub fn routes() -> App {
    Routes::new("tags", Dialect::Plain)
        .on(Operation::list("/api/tags", &TAGS, "List tags"), api::list)
        .on(Operation::create("/api/tags", &TAGS, &NewTag::FORM, "Create a tag"), api::create)
        .on(Operation::read("/api/tags/{id}", &TAGS, "Read a tag, or watch it over a WebSocket"), api::read)
        .on(Operation::update("/api/tags/{id}", &TAGS, &TagPatch::FORM, "Rename a tag"), api::update)
        .on(Operation::delete("/api/tags/{id}", "Delete a tag; images that carry it stay"), api::delete)
        .build()
}

edge::entry!(crate::routes);
