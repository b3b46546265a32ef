//! `/callbacks`: what runners report. Every call is a signed webhook of a registered runner; about a task it counts
//! only under the task's current lease. Late, repeated, reordered or forged ones change nothing.

mod api;
mod held;
mod inputs;
mod objects;
mod signed;
#[cfg(test)]
mod tests;
mod weights;

use web::{App, Dialect, Op, Replies, Routes};

const fn callback(path: &'static str, summary: &'static str, reply: &'static str) -> Op {
    Op::other("POST", path, summary, Replies::Object(200, reply))
}

pub fn routes() -> App {
    Routes::new("callbacks", Dialect::Plain)
        .on(callback("/callbacks/claim", "Take a task", "The lease and the work"), api::claim)
        .on(callback("/callbacks/progress", "Report progress; extends the lease", "Whether to stop"), api::progress)
        .on(callback("/callbacks/succeeded", "Report the result", "Nothing"), api::succeeded)
        .on(callback("/callbacks/failed", "Report a failure", "Nothing"), api::failed)
        .on(
            Op::other(
                "PUT",
                "/callbacks/out/{task}/{attempt}/{name}",
                "Store a picture",
                Replies::Object(200, "Its key, size and sha256"),
            ),
            objects::put,
        )
        .on(
            Op::other(
                "GET",
                "/callbacks/in/{task}/{attempt}/{index}",
                "A picture to start from",
                Replies::Bytes("image/png"),
            ),
            inputs::get,
        )
        .on(
            Op::other(
                "GET",
                "/callbacks/lora/{task}/{attempt}/{index}",
                "The file of a LoRA",
                Replies::Bytes("application/octet-stream"),
            ),
            weights::lora,
        )
        .on(
            Op::other(
                "GET",
                "/callbacks/model/{task}/{attempt}",
                "The file of the model to draw with",
                Replies::Bytes("application/octet-stream"),
            ),
            weights::model,
        )
        .build()
}

edge::entry!(crate::routes);
