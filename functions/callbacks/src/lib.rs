//! `/callbacks`: what runners report. Every call is a signed webhook of a registered runner; one about a task counts
//! only under the task's current lease. Late, repeated, reordered or forged ones change nothing.

mod api;
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
    const SAFETENSORS: &str = "application/octet-stream";
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
            file("/callbacks/in/{task}/{attempt}/{index}", "An image to start from, or the mask", "image/png"),
            inputs::get,
        )
        .on(file("/callbacks/lora/{task}/{attempt}/{index}", "The file of an adapter", SAFETENSORS), weights::lora)
        .on(
            file("/callbacks/model/{task}/{attempt}", "The file of the checkpoint to draw with", SAFETENSORS),
            weights::model,
        )
        .build()
}

edge::entry!(crate::routes);
