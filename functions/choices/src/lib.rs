//! `/api/choices`: collections of images that users curate (精選集). A choice is private until its owner publishes it;
//! each reader sees of its images those that they may see. The images themselves are listed by `/api/images?choice=…`.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use store::choices::CHOICES;
use web::{App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::{ChoicePatch, NewChoice};

const ADD: Operation = Operation::other(
    "PUT",
    "/api/choices/{id}/images/{image_id}",
    "Add an image that you may see to a choice; adding it again changes nothing",
    Replies::Nothing,
)
.secured();
const REMOVE: Operation =
    Operation::delete("/api/choices/{id}/images/{image_id}", "Remove an image from a choice; the image stays");

/// The operations.
pub fn routes() -> App {
    const UPDATE: &str = "Rename, describe, publish or hide a choice";
    Routes::new("choices", Dialect::Plain)
        .on(Operation::list("/api/choices", &CHOICES, "List choices, collections of images"), api::list)
        .on(Operation::create("/api/choices", &CHOICES, &NewChoice::FORM, "Create a choice"), api::create)
        .on(Operation::read("/api/choices/{id}", &CHOICES, "Read a choice, or watch it over a WebSocket"), api::read)
        .on(Operation::update("/api/choices/{id}", &CHOICES, &ChoicePatch::FORM, UPDATE), api::update)
        .on(Operation::delete("/api/choices/{id}", "Delete a choice; its images stay"), api::delete)
        .on(ADD, api::add_image)
        .on(REMOVE, api::remove_image)
        .build()
}

edge::entry!(crate::routes);
