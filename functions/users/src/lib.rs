//! `/api/users`: signing up, profiles and points. Everyone reads profiles. E-mail addresses, points and changes are for
//! the user themselves and for administrators. Logging in is in `sessions`; the table of users is in `store::users`.

mod api;
mod grants;
mod model;
mod signup;
mod sql;
#[cfg(test)]
mod tests;

use store::users::USERS;
use web::{App, Dialect, FormData, Operation, Replies, Routes};

use crate::grants::{BALANCE, GRANTS};
use crate::model::{NewGrant, NewUser, UserPatch};

/// The operations.
pub fn routes() -> App {
    const POINTS: Operation = Operation::other(
        "GET",
        "/api/users/{id}/points",
        "Read your points or, as an administrator, anyone's",
        Replies::Json { status: 200, about: "Points and their grants", shape: &BALANCE },
    )
    .secured();
    Routes::new("users", Dialect::Plain)
        .on(Operation::list("/api/users", &USERS, "List users"), api::list)
        .on(
            Operation::create(
                "/api/users",
                &USERS,
                &NewUser::FORM,
                "Sign up; no token is needed where sign-up is open",
            )
            .open(),
            signup::create,
        )
        .on(Operation::read("/api/users/{id}", &USERS, "Read a user, or watch them over a WebSocket"), api::read)
        .on(
            Operation::update(
                "/api/users/{id}",
                &USERS,
                &UserPatch::FORM,
                "Change yourself or, as an administrator, anyone; a new password ends all other sessions",
            ),
            api::update,
        )
        .on(Operation::delete("/api/users/{id}", "Delete a user and all that is theirs"), api::delete)
        .on(POINTS, grants::read)
        .on(
            Operation::create(
                "/api/users/{id}/points",
                &GRANTS,
                &NewGrant::FORM,
                "Give a user points, as an administrator; they can expire, but not be taken back",
            ),
            grants::give,
        )
        .build()
}

edge::entry!(crate::routes);
