//! `/api/redeem-codes`: codes that give points, created and kept by administrators. A code is shown once and stored as
//! a hash. Deleting one ends its use; points it gave stay with those who have them. Redeeming is in `functions/points`
//! and `store::redeem`.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use store::redeem::CODES;
use store::{Property, Shape};
use web::{App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::NewCodes;

/// A row of `CODES` with its code.
const NEW_CODE: Shape = Shape::Object(&[
    Property::new("code", Shape::Text, "Shown this once."),
    Property::new("id", Shape::Int, ""),
    Property::new("prefix", Shape::Text, "The first group of the code."),
    Property::new("points", Shape::Int, "Given by each use."),
    Property::new("max_uses", Shape::Int, ""),
    Property::new("uses", Shape::Int, ""),
    Property::new("usable", Shape::Bool, ""),
    Property::new("expires_at", Shape::Nullable(&Shape::Time), "The end of the code."),
    Property::new("grant_days", Shape::Nullable(&Shape::Int), "Days the points last."),
    Property::new("grant_expires_at", Shape::Nullable(&Shape::Time), "The end of the points."),
    Property::new("note", Shape::Text, ""),
    Property::new("user_id", Shape::Int, "Who created it; `user: {id, user_name}` in v0."),
    Property::new("created_at", Shape::Time, ""),
    Property::new("updated_at", Shape::Time, ""),
]);

const NEW_CODES: Shape = Shape::Object(&[
    Property::new("id", Shape::Int, "The id of the first code."),
    Property::new("codes", Shape::List(&NEW_CODE), ""),
]);

const CREATE: Operation = Operation::other(
    "POST",
    "/api/redeem-codes",
    "Create codes of one kind, as an administrator",
    Replies::Json { status: 201, about: "The new codes; their texts are shown this once", shape: &NEW_CODES },
)
.takes(&NewCodes::FORM)
.secured()
.once();

/// The operations.
pub fn routes() -> App {
    const LIST: &str = "List the codes, as an administrator";
    const READ: &str = "Read a code's uses, or watch them over a WebSocket";
    const DELETE: &str = "Delete a code, which ends its use at once; the points it gave stay";
    Routes::new("redeem-codes", Dialect::Plain)
        .on(Operation::list("/api/redeem-codes", &CODES, LIST).secured(), api::list)
        .on(CREATE, api::create)
        .on(Operation::read("/api/redeem-codes/{id}", &CODES, READ).secured(), api::read)
        .on(Operation::delete("/api/redeem-codes/{id}", DELETE), api::delete)
        .build()
}

edge::entry!(crate::routes);
