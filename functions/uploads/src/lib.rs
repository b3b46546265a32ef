//! `/api/uploads`: files that users upload, images in one request and large files in parts. `/files/{key}`: every
//! stored object. Whoever has the address may read the file, so serving it asks no database.

mod api;
mod files;
mod image_file;
mod model;
mod multipart_upload;
mod sql;
#[cfg(test)]
mod tests;

use web::{Access, App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::{NewMultipartUpload, PartList};
use crate::sql::UPLOADS;

const CREATE: Operation = Operation::other(
    "POST",
    "/api/uploads",
    "Upload an image (PNG or JPEG of at most 25 MiB), as multipart/form-data or as the body itself",
    Replies::Created(&UPLOADS),
)
.secured()
.once();

const PUT_PART: Operation = Operation::other(
    "PUT",
    "/api/uploads/{id}/parts/{number}",
    "Upload one part: the body itself, of at most 100 MB, with Content-Length",
    Replies::Json {
        status: 200,
        about: "The stored part, as completing the upload needs it",
        shape: &multipart_upload::STORED_PART,
    },
)
.secured();

const COMPLETE: Operation =
    Operation::other("POST", "/api/uploads/{id}/complete", "Join the parts to one file", Replies::Item(&UPLOADS))
        .takes(&PartList::FORM)
        .secured();

const FILE: Operation = Operation::other(
    "GET",
    "/files/{*key}",
    "Read a stored file, whole or a range of it",
    Replies::Bytes("application/octet-stream"),
);

/// The operations.
pub fn routes() -> App {
    let begin = "Begin an upload in parts";
    Routes::new("uploads", Dialect::Plain)
        .writes(Access::Tasks)
        .on(Operation::list("/api/uploads", &UPLOADS, "List your uploads; administrators see all").secured(), api::list)
        .on(CREATE, api::create)
        .on(
            Operation::create("/api/uploads/parts", &UPLOADS, &NewMultipartUpload::FORM, begin),
            multipart_upload::begin,
        )
        .on(PUT_PART, multipart_upload::put_part)
        .on(COMPLETE, multipart_upload::complete)
        .on(Operation::read("/api/uploads/{id}", &UPLOADS, "Read an upload").secured(), api::read)
        .on(Operation::delete("/api/uploads/{id}", "Delete an upload with its file, finished or not"), api::delete)
        .on(FILE, files::serve)
        .build()
}

edge::entry!(crate::routes, BLOBS);
