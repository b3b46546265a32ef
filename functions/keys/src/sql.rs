//! The SQL of API keys. The guards of requests that carry one are in `store::keys`.

use domain::api_key::prefix;
use domain::messages::{FORBIDDEN, MISSING_SCOPE, TOO_MANY_KEYS};
use store::spec::{BY_NAME, DATE_FILTER, NEWEST, OLDEST, OWN, USER_FILTER};
use store::{Arg, Column, Kind, Query, Scope, Search, Shape, Sort, Spec, Tx, Visible, args};
use web::sha256_hex;

use crate::model::{KeyPatch, NewKey};

/// Maximum number of API keys per user.
pub const MAX_KEYS: i64 = 50;

/// Administrators see and delete all keys, and change only their own.
pub static KEYS: Spec = Spec {
    name: "keys",
    from: "keys t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("prefix", "t.prefix", Kind::Text),
        Column::new("scopes", "t.scopes", Kind::Json(&Shape::List(&Shape::OneOf(&["read", "tasks", "write"])))),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("last_used_at", "t.last_used_at", Kind::Time),
        Column::new("expires_at", "t.expires_at", Kind::Time),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: Visible::Own,
    writable: OWN,
    owner: "t.user_id",
    filters: &[USER_FILTER, DATE_FILTER],
    search: Search::Contains("(t.name || char(10) || t.prefix)"),
    sorts: &[
        NEWEST,
        OLDEST,
        BY_NAME,
        Sort { name: "lastUsedAt", aliases: &["last_used_at"], sql: "coalesce(t.last_used_at, 0)", descending: true },
    ],
    ..Spec::EMPTY
};

/// Fails the transaction with `missing_scope` when the key that creates another lacks one of its scopes. `parent` is
/// the hash of that key, None for a session, which has all scopes.
pub fn require_scopes_of_parent(tx: &mut Tx, scopes: &str, parent: Option<&str>) {
    if let Some(parent) = parent {
        require_scopes(tx, scopes, "k.hash = :parent", args! { parent });
    }
}

/// Fails the transaction with `missing_scope` when the key `k` found by a condition of ours lacks one of these scopes.
fn require_scopes(tx: &mut Tx, scopes: &str, condition: &str, args: Vec<Arg>) {
    let none_missing = format!(
        "NOT EXISTS (SELECT value FROM json_each(:scopes) \
         EXCEPT SELECT s.value FROM keys k, json_each(k.scopes) s WHERE {condition})"
    );
    tx.guard(&MISSING_SCOPE, &none_missing, args.into_iter().chain(args! { scopes }));
}

/// Inserts a key with this text, which is stored hashed. It ends no later than its `parent`.
pub fn insert(tx: &mut Tx, new: &NewKey, scopes: &str, text: &str, parent: Option<&str>) {
    tx.exec(
        "INSERT INTO keys (hash, prefix, name, scopes, user_id, expires_at, created_at, updated_at) \
         SELECT :hash, :prefix, :name, :scopes, :me, \
         coalesce(min(:expires_at, p.expires_at), :expires_at, p.expires_at), :now, :now \
         FROM (SELECT (SELECT expires_at FROM keys WHERE hash = :parent) AS expires_at) p",
        args! {
            hash: sha256_hex(text.as_bytes()),
            prefix: prefix(text),
            name: &new.name,
            scopes,
            expires_at: new.expires_at,
            parent,
        },
    );
}

/// The key just inserted, with its nonce in `key`.
pub fn inserted(scope: Scope, nonce: &str) -> Query {
    let object = KEYS.object(scope);
    Query::new(
        format!("SELECT json_insert({object}, '$.key', :nonce) AS item FROM keys t WHERE t.id = last_insert_rowid()"),
        args! { nonce },
    )
}

/// Fails the transaction with `too_many_keys` when the caller has more than `MAX_KEYS`. To be added after the insert:
/// a repeat of the last creation must be found first.
pub fn require_within_limit(tx: &mut Tx) {
    let max = MAX_KEYS;
    tx.guard(&TOO_MANY_KEYS, "(SELECT count(*) FROM keys WHERE user_id = :me) <= :max", args! { max });
}

/// Changes a key: `forbidden` unless it is the caller's own. A request `with_key` fails with `missing_scope` when the
/// changed key lacks one of the new scopes.
pub fn update(tx: &mut Tx, id: i64, patch: &KeyPatch, scopes: Option<&str>, with_key: bool) {
    tx.guard(&FORBIDDEN, "EXISTS (SELECT 1 FROM keys WHERE id = :id AND user_id = :me)", args! { id });
    if let Some(scopes) = scopes.filter(|_| with_key) {
        require_scopes(tx, scopes, "k.id = :id", args! { id });
    }
    tx.exec(
        "UPDATE keys SET name = coalesce(:name, name), scopes = coalesce(:scopes, scopes), \
         updated_at = max(:now, updated_at + 1) WHERE id = :id",
        args! { id, name: &patch.name, scopes },
    );
}

pub fn delete(tx: &mut Tx, id: i64) {
    tx.exec("DELETE FROM keys WHERE id = :id", args! { id });
}
