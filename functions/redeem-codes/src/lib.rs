//! `/api/redeem-codes`: codes that give points, made and kept by administrators. A code is shown once and stored as a
//! hash. Removing one ends its use; points it gave stay with those who have them. Redeeming is in `functions/points`
//! and `store::redeem`.

mod api;
mod model;
mod store;
#[cfg(test)]
mod tests;

use web::{App, Dialect, Op, Replies, Routes};

use crate::model::NewCodes;
use crate::store::CODES;

pub fn routes() -> App {
    const CREATE: Op = Op {
        idempotent: true,
        ..Op::other(
            "POST",
            "/api/redeem-codes",
            "Make codes of one kind, as an administrator",
            Replies::Object(201, "`codes`: the new codes, each with `code`, shown this once; `id`: that of the first"),
        )
        .takes(&NewCodes::FORM)
        .secured()
    };
    Routes::new("redeem-codes", Dialect::Plain)
        .on(Op::list("/api/redeem-codes", &CODES, "List the codes, as an administrator").secured(), api::list)
        .on(CREATE, api::create)
        .on(
            Op::read("/api/redeem-codes/{id}", &CODES, "Read a code's uses, or watch them over a WebSocket").secured(),
            api::read,
        )
        .on(Op::delete("/api/redeem-codes/{id}", "End a code, at once; the points it gave stay"), api::delete)
        .build()
}

edge::entry!(crate::routes);
