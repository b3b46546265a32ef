//! `/api/account`: whoever is signed in, and the session they are signed in with. The same user is at `/api/users`;
//! here no id is needed and none but oneself is reached.

mod api;
mod model;
mod store;
#[cfg(test)]
mod tests;

use web::{App, Dialect, Op, Routes};

use crate::model::AccountPatch;
use crate::store::ACCOUNT;

pub fn routes() -> App {
    Routes::new("account", Dialect::Plain)
        .on(Op::read("/api/account", &ACCOUNT, "Read one's own account").secured(), api::read)
        .on(
            Op::update(
                "/api/account",
                &ACCOUNT,
                &AccountPatch::FORM,
                "Change one's own account; a new password ends all other sessions",
            ),
            api::update,
        )
        .build()
}

edge::entry!(crate::routes);
