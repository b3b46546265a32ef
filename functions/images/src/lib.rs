//! `/api/images`: the pictures tasks have drawn, with how they were made. Public ones are everybody's to see; their owner
//! names, tags, hides and deletes them. The rows are made where tasks succeed.

mod api;
mod model;
mod store;
#[cfg(test)]
mod tests;

use web::{App, Dialect, Op, Routes};

use crate::model::ImagePatch;
use crate::store::IMAGES;

pub fn routes() -> App {
    Routes::new("images", Dialect::Plain)
        .on(Op::list("/api/images", &IMAGES, "List images"), api::list)
        .on(Op::read("/api/images/{id}", &IMAGES, "Read an image, or watch it over a WebSocket"), api::read)
        .on(
            Op::update("/api/images/{id}", &IMAGES, &ImagePatch::FORM, "Name, tag, publish or hide an image"),
            api::update,
        )
        .on(Op::delete("/api/images/{id}", "Delete an image and its file"), api::delete)
        .build()
}

edge::entry!(crate::routes);
