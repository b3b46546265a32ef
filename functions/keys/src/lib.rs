//! `/api/keys`: API keys, which programs send wherever people send a session's token. A key acts with all the rights
//! of its user, an administrator's too, in the methods its scopes allow. Its text is shown once and stored hashed; a
//! removed key is refused on the very next request. A new password does not end keys; removing the user does.
//! How requests with keys are let in is in `web::Ctx` and `store::keys`.

mod api;
mod model;
mod store;
#[cfg(test)]
mod tests;

use web::{App, Dialect, Op, Routes};

use crate::model::{KeyPatch, NewKey};
use crate::store::KEYS;

pub fn routes() -> App {
    Routes::new("keys", Dialect::Plain)
        .on(Op::list("/api/keys", &KEYS, "List one's API keys; administrators see everyone's").secured(), api::list)
        .on(
            Op::create(
                "/api/keys",
                &KEYS,
                &NewKey::FORM,
                "Make an API key: `key` is its text, shown this once; one made with a key has no more scopes and no later end",
            ),
            api::create,
        )
        .on(Op::read("/api/keys/{id}", &KEYS, "Read an API key, or watch it over a WebSocket").secured(), api::read)
        .on(
            Op::update(
                "/api/keys/{id}",
                &KEYS,
                &KeyPatch::FORM,
                "Rename one's API key or change its scopes; with a key they only become fewer",
            ),
            api::update,
        )
        .on(Op::delete("/api/keys/{id}", "Revoke an API key, at once"), api::delete)
        .build()
}

edge::entry!(crate::routes);
