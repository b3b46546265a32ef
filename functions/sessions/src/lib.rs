//! `/api/sessions`: logging in and out, and the places one is logged in at. `/api/tickets`: one-time stand-ins for a
//! token where no header can be sent. A session is seen by its user and by administrators; to others it is not there.

mod api;
mod login;
mod model;
mod store;
#[cfg(test)]
mod tests;

use web::{Access, App, Dialect, Op, Replies, Routes};

use crate::model::{Credentials, SessionPatch};
use crate::store::SESSIONS;

pub fn routes() -> App {
    const LOGIN: Op = Op::create(
        "/api/sessions",
        &SESSIONS,
        &Credentials::FORM,
        "Log in: the session, and the `token` to send as `Authorization: Bearer`",
    )
    .open();
    const TICKET: Op = Op::other(
        "POST",
        "/api/tickets",
        "A one-time `ticket` for `?ticket=` of a WebSocket or an event stream, good for 30 seconds",
        Replies::Object(201, "`ticket` and `expires_at`"),
    )
    .secured()
    .needs(Access::Read);
    Routes::new("sessions", Dialect::Plain)
        .on(
            Op::list("/api/sessions", &SESSIONS, "List one's sessions; administrators see everyone's").secured(),
            api::list,
        )
        .on(LOGIN, login::login)
        .on(Op::read("/api/sessions/{id}", &SESSIONS, "Read a session, or watch it over a WebSocket"), api::read)
        .on(Op::update("/api/sessions/{id}", &SESSIONS, &SessionPatch::FORM, "Rename or extend a session"), api::update)
        .on(Op::delete("/api/sessions/{id}", "Log out, at once"), api::delete)
        .on(TICKET, api::ticket)
        .build()
}

edge::entry!(crate::routes);
