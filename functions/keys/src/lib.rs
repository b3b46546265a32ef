//! `/api/keys`: API keys, which programs send in place of a session's token. A key has all the rights of its user, an
//! administrator's too, as far as its scopes allow. Its text is shown once and stored hashed. A deleted key is refused
//! on the very next request; a new password does not end keys, deleting the user does.
//!
//! Requests that carry a key are checked in `web::RequestCtx` and `store::keys`.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use web::{App, Dialect, FormData, Operation, Routes};

use crate::model::{KeyPatch, NewKey};
use crate::sql::KEYS;

/// The operations.
pub fn routes() -> App {
    Routes::new("keys", Dialect::Plain)
        .on(Operation::list("/api/keys", &KEYS, "List your API keys; administrators see all").secured(), api::list)
        .on(
            Operation::create(
                "/api/keys",
                &KEYS,
                &NewKey::FORM,
                "Create an API key. `key` is its text, shown only this once. \
                 A key created with a key has no further scopes and no later end",
            ),
            api::create,
        )
        .on(
            Operation::read("/api/keys/{id}", &KEYS, "Read an API key, or watch it over a WebSocket").secured(),
            api::read,
        )
        .on(
            Operation::update(
                "/api/keys/{id}",
                &KEYS,
                &KeyPatch::FORM,
                "Rename your API key or change its scopes; with a key, scopes can only be removed",
            ),
            api::update,
        )
        .on(Operation::delete("/api/keys/{id}", "Revoke an API key at once"), api::delete)
        .build()
}

edge::entry!(crate::routes);
