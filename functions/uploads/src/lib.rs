//! `/api/uploads`: files people bring, pictures in one request and large files in parts. `/files/{key}`: every stored
//! object; whoever has the link can open it, so that serving one asks no database.

mod api;
mod files;
mod model;
mod parts;
mod picture;
mod store;
#[cfg(test)]
mod tests;

use web::{Access, App, Dialect, Op, Replies, Routes};

use crate::model::{COMPLETE, NewParts};
use crate::store::UPLOADS;

pub fn routes() -> App {
    let create = "Upload a picture (PNG or JPEG of at most 25 MiB), as multipart/form-data or as the body itself";
    let part = "Upload one part: the body itself, of at most 100 MB, with Content-Length";
    let file = "A stored file, whole or a range of it";
    Routes::new("uploads", Dialect::Plain)
        .writes(Access::Tasks)
        .on(Op::list("/api/uploads", &UPLOADS, "List one's own uploads").secured(), api::list)
        .on(
            Op { idempotent: true, ..Op::other("POST", "/api/uploads", create, Replies::Created(&UPLOADS)).secured() },
            api::create,
        )
        .on(Op::create("/api/uploads/parts", &UPLOADS, &NewParts::FORM, "Begin an upload in parts"), parts::begin)
        .on(
            Op::other(
                "PUT",
                "/api/uploads/{id}/parts/{number}",
                part,
                Replies::Object(200, "number and etag, to complete the upload with"),
            )
            .secured(),
            parts::put,
        )
        .on(
            Op::other("POST", "/api/uploads/{id}/complete", "Put the parts together", Replies::Item(&UPLOADS))
                .takes(&COMPLETE)
                .secured(),
            parts::complete,
        )
        .on(Op::read("/api/uploads/{id}", &UPLOADS, "Read an upload").secured(), api::read)
        .on(Op::delete("/api/uploads/{id}", "Delete an upload with its file, finished or not"), api::delete)
        .on(Op::other("GET", "/files/{*key}", file, Replies::Bytes("application/octet-stream")), files::serve)
        .build()
}

edge::entry!(crate::routes);
