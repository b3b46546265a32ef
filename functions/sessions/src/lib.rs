//! `/api/sessions`: logging in and out, and the list of a user's sessions. `/api/tickets`: one-time tickets in place of
//! a token where no header can be sent. A session is seen by its user and by administrators; for others it does not
//! exist.

mod api;
mod login;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use store::{Property, Shape};
use web::{Access, App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::{Credentials, SessionPatch};
use crate::sql::SESSIONS;

/// The operations.
pub fn routes() -> App {
    const LOGIN: Operation = Operation::create(
        "/api/sessions",
        &SESSIONS,
        &Credentials::FORM,
        "Log in: the session, and the `token` to send as `Authorization: Bearer`",
    )
    .open();
    const TICKET: Operation = Operation::other(
        "POST",
        "/api/tickets",
        "A one-time `ticket` for `?ticket=` of a WebSocket or an event stream, valid for 30 seconds",
        Replies::Json { status: 201, about: "The ticket", shape: &TICKET_SHAPE },
    )
    .secured()
    .needs(Access::Read);
    Routes::new("sessions", Dialect::Plain)
        .on(
            Operation::list("/api/sessions", &SESSIONS, "List your sessions; administrators see all").secured(),
            api::list,
        )
        .on(LOGIN, login::login)
        .on(Operation::read("/api/sessions/{id}", &SESSIONS, "Read a session, or watch it over a WebSocket"), api::read)
        .on(
            Operation::update("/api/sessions/{id}", &SESSIONS, &SessionPatch::FORM, "Rename or extend a session"),
            api::update,
        )
        .on(Operation::delete("/api/sessions/{id}", "Log out at once"), api::delete)
        .on(TICKET, api::ticket)
        .build()
}

const TICKET_SHAPE: Shape = Shape::Object(&[
    Property::new("ticket", Shape::Text, "32 hex digits."),
    Property::new("expires_at", Shape::Time, "The end of its validity; `expiresAt` in v0."),
]);

edge::entry!(crate::routes);
