//! `/api/account`: the authenticated user, and the session they authenticated with. The same user is at `/api/users`;
//! this address needs no id and reaches nobody else.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use web::{App, Dialect, FormData, Operation, Routes};

use crate::model::AccountPatch;
use crate::sql::ACCOUNT;

/// The operations.
pub fn routes() -> App {
    Routes::new("account", Dialect::Plain)
        .on(Operation::read("/api/account", &ACCOUNT, "Read your own account").secured(), api::read)
        .on(
            Operation::update(
                "/api/account",
                &ACCOUNT,
                &AccountPatch::FORM,
                "Change your own account; a new password ends all your other sessions",
            ),
            api::update,
        )
        .build()
}

edge::entry!(crate::routes);
