//! `/api/tags`: short names that pictures carry. Everyone reads them, whoever is signed in makes them, their creator
//! and administrators change them. This crate is the pattern for every other resource.

mod api;
mod model;
mod store;
#[cfg(test)]
mod tests;

use web::{App, Dialect, Op, Routes};

use crate::model::{NewTag, TagPatch};
use crate::store::TAGS;

pub fn routes() -> App {
    Routes::new("tags", Dialect::Plain)
        .on(Op::list("/api/tags", &TAGS, "List tags"), api::list)
        .on(Op::create("/api/tags", &TAGS, &NewTag::FORM, "Create a tag"), api::create)
        .on(Op::read("/api/tags/{id}", &TAGS, "Read a tag, or watch it over a WebSocket"), api::read)
        .on(Op::update("/api/tags/{id}", &TAGS, &TagPatch::FORM, "Rename a tag"), api::update)
        .on(Op::delete("/api/tags/{id}", "Delete a tag; pictures that carry it stay"), api::delete)
        .build()
}

edge::entry!(crate::routes);
