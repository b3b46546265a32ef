//! `/api/images`: the images that tasks have drawn, with their parameters. Everyone sees the public ones; owners and
//! administrators rename, tag, hide and delete them. `store::tasks` inserts the rows when a task succeeds.

mod api;
mod model;
mod png_info;
mod sql;
#[cfg(test)]
mod tests;
mod webui_parameters;

use store::images::IMAGES;
use web::{App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::ImagePatch;

const PNG_INFO: Operation = Operation::other(
    "POST",
    "/api/images/png-info",
    "Read how an image was generated from the texts in its PNG file: \
     multipart/form-data or the file itself, at most 20 MiB",
    Replies::Json { status: 200, about: "The size and the generation parameters", shape: &png_info::PNG_INFO },
);

const LIKE: Operation = Operation::other(
    "PUT",
    "/api/images/{id}/like",
    "Like an image that you may see; once a user, so doing it again changes nothing",
    Replies::Nothing,
)
.secured();
const UNLIKE: Operation = Operation::delete("/api/images/{id}/like", "Withdraw a like");
const VIEW: Operation = Operation::other(
    "POST",
    "/api/images/{id}/view",
    "Record that you have looked at an image; only the last time is kept",
    Replies::Nothing,
)
.secured();

/// The operations.
pub fn routes() -> App {
    let update = "Rename, tag, publish or hide an image";
    Routes::new("images", Dialect::Plain)
        .on(Operation::list("/api/images", &IMAGES, "List images"), api::list)
        .on(PNG_INFO, png_info::read)
        .on(Operation::read("/api/images/{id}", &IMAGES, "Read an image, or watch it over a WebSocket"), api::read)
        .on(Operation::update("/api/images/{id}", &IMAGES, &ImagePatch::FORM, update), api::update)
        .on(Operation::delete("/api/images/{id}", "Delete an image and its file"), api::delete)
        .on(LIKE, api::like)
        .on(UNLIKE, api::unlike)
        .on(VIEW, api::view)
        .build()
}

edge::entry!(crate::routes, BLOBS);
