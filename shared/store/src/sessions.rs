//! Guards about the caller.

use domain::messages::{FORBIDDEN, INVALID_TOKEN};

use crate::args;
use crate::tx::Tx;

/// Fails the transaction with `invalid_token` unless the session is the caller's and has not ended.
pub fn require(tx: &mut Tx, session_id: &str) {
    tx.guard(
        &INVALID_TOKEN,
        "EXISTS (SELECT 1 FROM sessions WHERE id = :session_id AND user_id = :me AND expires_at > :now)",
        args! { session_id },
    );
}

/// Fails the transaction with `forbidden` unless the caller is an administrator.
pub fn require_admin(tx: &mut Tx) {
    tx.guard(&FORBIDDEN, "EXISTS (SELECT 1 FROM users WHERE id = :me AND admin = 1)", []);
}
