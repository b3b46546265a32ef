//! `/api/users`: signing up and people's profiles. Everyone reads them; e-mail addresses are for their owner and for
//! administrators, as are changes. Log-in is in `sessions`; what users are in the database, in `store::users`.

mod api;
mod model;
mod store;
#[cfg(test)]
mod tests;

use ::store::users::USERS;
use web::{App, Dialect, Op, Routes};

use crate::model::{NewUser, UserPatch};

pub fn routes() -> App {
    Routes::new("users", Dialect::Plain)
        .on(Op::list("/api/users", &USERS, "List users"), api::list)
        .on(
            Op::create("/api/users", &USERS, &NewUser::FORM, "Sign up; no token is needed where sign-up is open")
                .open(),
            api::create,
        )
        .on(Op::read("/api/users/{id}", &USERS, "Read a user, or watch them over a WebSocket"), api::read)
        .on(
            Op::update(
                "/api/users/{id}",
                &USERS,
                &UserPatch::FORM,
                "Change oneself or, as an administrator, anyone; a new password ends all other sessions",
            ),
            api::update,
        )
        .on(Op::delete("/api/users/{id}", "Delete a user and all that is theirs"), api::delete)
        .build()
}

edge::entry!(crate::routes);
