//! `/callbacks`: what runners report. Every call is a signed webhook of a registered runner; one about a task counts
//! only under the task's current lease. Late, repeated, reordered or forged ones change nothing.

mod api;
mod dataset;
mod inputs;
mod leased_file;
mod outputs;
mod shapes;
mod signature;
#[cfg(test)]
mod tests;
mod weights;

use store::Shape;
use web::{App, Dialect, Operation, Replies, Routes};

const fn callback(path: &'static str, summary: &'static str, about: &'static str, shape: &'static Shape) -> Operation {
    Operation::other("POST", path, summary, Replies::Json { status: 200, about, shape })
}

const fn file(path: &'static str, summary: &'static str, media_type: &'static str) -> Operation {
    Operation::other("GET", path, summary, Replies::Bytes(media_type))
}

/// The operations.
pub fn routes() -> App {
    const PUT: Operation = Operation::other(
        "PUT",
        "/callbacks/out/{task}/{attempt}/{name}",
        "Store an output or a preview",
        Replies::Json { status: 200, about: "The stored object", shape: &shapes::STORED },
    );
    const PUT_PART: Operation = Operation::other(
        "PUT",
        "/callbacks/part/{task}/{attempt}/{name}/{number}",
        "Store a part of an object",
        Replies::Json { status: 200, about: "The stored part", shape: &shapes::STORED_PART },
    );
    const DATASET: Operation = Operation::other(
        "GET",
        "/callbacks/dataset/{task}/{attempt}",
        "A page of the images to learn from; `after` is the `next` of the page before",
        Replies::Json { status: 200, about: "At most 500 images, by ascending id", shape: &shapes::DATASET_PAGE },
    );
    const BYTES: &str = "application/octet-stream";
    Routes::new("callbacks", Dialect::Plain)
        .on(callback("/callbacks/claim", "Claim a task", "The lease and the work", &shapes::CLAIM), api::claim)
        .on(
            callback("/callbacks/progress", "Report progress; extends the lease", "Go on or stop", &shapes::PROGRESS),
            api::progress,
        )
        .on(callback("/callbacks/succeeded", "Report the result", "Accepted", &shapes::EMPTY), api::succeeded)
        .on(callback("/callbacks/failed", "Report a failure", "Accepted", &shapes::EMPTY), api::failed)
        .on(PUT, outputs::put)
        .on(
            callback("/callbacks/upload", "Begin an object in parts", "Begun", &shapes::EMPTY),
            api::training::begin_upload,
        )
        .on(PUT_PART, api::training::put_part)
        .on(
            callback("/callbacks/complete", "Put the parts of an object together", "Stored", &shapes::EMPTY),
            api::training::complete_upload,
        )
        .on(
            callback("/callbacks/state", "Report the stored state of a training", "Accepted", &shapes::EMPTY),
            api::training::state,
        )
        .on(
            callback("/callbacks/trained", "Report the result of a training", "Accepted", &shapes::EMPTY),
            api::training::trained,
        )
        .on(DATASET, dataset::page)
        .on(file("/callbacks/dataset/{task}/{attempt}/{index}", "An image to learn from", BYTES), dataset::image)
        .on(file("/callbacks/state/{task}/{attempt}", "The state to go on from", BYTES), dataset::state)
        .on(
            file("/callbacks/in/{task}/{attempt}/{index}", "An image to start from, or the mask", "image/png"),
            inputs::get,
        )
        .on(file("/callbacks/lora/{task}/{attempt}/{index}", "The file of an adapter", BYTES), weights::lora)
        .on(file("/callbacks/model/{task}/{attempt}", "The file of the checkpoint to draw with", BYTES), weights::model)
        .build()
}

edge::entry!(crate::routes, BLOBS, FETCH);
