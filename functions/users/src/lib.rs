//! `/api/users`: signing up, people's profiles and points. Everyone reads profiles; e-mail addresses and points are for
//! their owner and for administrators, as are changes. Log-in is in `sessions`; what users are in the database, in `store::users`.

mod api;
mod model;
mod points;
mod store;
#[cfg(test)]
mod tests;

use ::store::users::USERS;
use web::{App, Dialect, Op, Replies, Routes};

use crate::model::{GRANT, NewUser, UserPatch};
use crate::points::GRANTS;

pub fn routes() -> App {
    const POINTS: Op = Op::other(
        "GET",
        "/api/users/{id}/points",
        "One's points, or as an administrator anyone's",
        Replies::Object(
            200,
            "`points` that can be spent now, `expires_at` of those that expire first, and the last hundred `grants`",
        ),
    )
    .secured();
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
        .on(POINTS, points::read)
        .on(
            Op::create(
                "/api/users/{id}/points",
                &GRANTS,
                &GRANT,
                "Give a user points, as an administrator; nothing takes them back but their end",
            ),
            points::give,
        )
        .build()
}

edge::entry!(crate::routes);
