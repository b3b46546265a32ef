//! `/api/images`: the pictures tasks have drawn, with how they were made. Public ones are everybody's to see; their owner
//! names, tags, hides and deletes them. The rows are made where tasks succeed.

mod api;
mod info;
mod model;
mod parameters;
mod png;
mod store;
#[cfg(test)]
mod tests;

use web::{App, Dialect, Op, Replies, Routes};

use crate::model::ImagePatch;
use crate::store::IMAGES;

pub fn routes() -> App {
    Routes::new("images", Dialect::Plain)
        .on(Op::list("/api/images", &IMAGES, "List images"), api::list)
        .on(
            Op::other(
                "POST",
                "/api/images/png-info",
                "How a picture was made, from the texts in its PNG file: multipart/form-data or the body itself, at most 20 MiB",
                Replies::Object(200, "width and height; parameters, the text as it stands there or null; generation, the same as fields of a task, or null"),
            ),
            info::read,
        )
        .on(Op::read("/api/images/{id}", &IMAGES, "Read an image, or watch it over a WebSocket"), api::read)
        .on(
            Op::update("/api/images/{id}", &IMAGES, &ImagePatch::FORM, "Name, tag, publish or hide an image"),
            api::update,
        )
        .on(Op::delete("/api/images/{id}", "Delete an image and its file"), api::delete)
        .build()
}

edge::entry!(crate::routes);
