//! Objects that have no row yet, so that none is forgotten: a key is reserved before its object is stored, and the
//! transaction that inserts the row confirms it. What is still reserved after an hour was left by a request that died.
//! Unfinished multipart uploads are given up after a day.

use domain::messages::UNAVAILABLE;

use crate::tx::Tx;
use crate::{args, outbox};

/// Reserves a key, in a transaction that runs before the object is stored.
pub fn reserve(tx: &mut Tx, key: &str) {
    tx.exec("INSERT INTO pending_objects (key, created_at) VALUES (:key, :now)", args! { key });
}

/// Confirms a key, in the transaction that inserts its row. Fails it with `unavailable` when the key was given up
/// meanwhile.
pub fn confirm(tx: &mut Tx, key: &str) {
    tx.guard(&UNAVAILABLE, "EXISTS (SELECT 1 FROM pending_objects WHERE key = :key)", args! { key });
    tx.exec("DELETE FROM pending_objects WHERE key = :key", args! { key });
}

/// Gives up what nobody waits for any more.
pub fn sweep(tx: &mut Tx) {
    const OBJECTS: &str = "FROM pending_objects WHERE created_at <= :now - 3600000";
    const UPLOADS: &str = "FROM uploads WHERE multipart IS NOT NULL AND created_at <= :now - 86400000";
    // A request that completes the upload right now will have ended by then.
    const COMPLETED_MS: u32 = 600_000;
    outbox::delete_blobs(tx, &format!("SELECT key {OBJECTS}"), []);
    tx.exec(format!("DELETE {OBJECTS}"), []);
    outbox::delete_uploads(tx, COMPLETED_MS, &format!("SELECT key, multipart {UPLOADS}"), []);
    tx.exec(format!("DELETE {UPLOADS}"), []);
}
