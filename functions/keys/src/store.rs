//! The SQL of API keys. Those of requests that carry one are in `store::keys`.

use ::store::spec::{BY_NAME, NEWEST, OLDEST, OWN};
use ::store::{Column, Filter, FilterRule, Kind, Scope, Search, Sort, Spec};
use ports::Stmt;

use crate::model::{KeyPatch, NewKey};

/// Room for a key a program, not for one a request.
pub const MOST: i64 = 50;

/// Administrators see and remove all, and change none but their own.
pub static KEYS: Spec = Spec {
    name: "keys",
    from: "keys t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("name", "t.name", Kind::Text),
        Column::new("prefix", "t.prefix", Kind::Text),
        Column::new("scopes", "t.scopes", Kind::Json),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("last_used_at", "t.last_used_at", Kind::Time),
        Column::new("expires_at", "t.expires_at", Kind::Time),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: OWN,
    writable: OWN,
    owner: "t.user_id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "user", also: &["user_id"], rule: FilterRule::Users("t.user_id IN ({ids})") },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::Contains("(t.name || char(10) || t.prefix)"),
    sorts: &[
        NEWEST,
        OLDEST,
        BY_NAME,
        Sort { name: "lastUsedAt", also: &["last_used_at"], sql: "coalesce(t.last_used_at, 0)", descending: true },
    ],
};

/// Fails the batch with `missing_scope` when the new key could do what the key it is made with cannot.
pub fn no_more_than(scope: Scope, new: &NewKey, maker: &str) -> Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'missing_scope', NOT EXISTS (SELECT value FROM json_each(?3) \
         EXCEPT SELECT s.value FROM keys k, json_each(k.scopes) s WHERE k.hash = ?4)",
        [new.scopes.as_str().into(), maker.into()],
    )
}

/// `maker` is the hash of the key it is made with, if it is one: it ends no later than that.
pub fn insert(scope: Scope, new: &NewKey, hash: &str, prefix: &str, maker: Option<&str>) -> Stmt {
    scope.stmt(
        "INSERT INTO keys (hash, prefix, name, scopes, user_id, expires_at, created_at, updated_at) \
         SELECT ?3, ?4, ?5, ?6, ?1, coalesce(min(?7, m.expires_at), ?7, m.expires_at), ?2, ?2 \
         FROM (SELECT (SELECT expires_at FROM keys WHERE hash = ?8) AS expires_at) m",
        [
            hash.into(),
            prefix.into(),
            new.name.as_str().into(),
            new.scopes.as_str().into(),
            new.expires_at.map(|end| end.0).into(),
            maker.into(),
        ],
    )
}

/// The key just inserted, with `key`: the nonce it was made of, in place of its text.
pub fn inserted(scope: Scope, nonce: &str) -> Stmt {
    let object = KEYS.object(scope.profile);
    scope.stmt(
        format!(
            "SELECT substr(o, 1, length(o) - 1) || ',\"key\":\"' || ?3 || '\"}}' AS item \
             FROM (SELECT {object} AS o FROM keys t WHERE t.id = last_insert_rowid())"
        ),
        [nonce.into()],
    )
}

/// Goes after the insert, so that a repeat of the last creation is a repeat first.
pub fn not_too_many(scope: Scope) -> Stmt {
    scope.stmt(
        "INSERT INTO guard SELECT 'too_many', (SELECT count(*) FROM keys WHERE user_id = ?1) <= ?3",
        [MOST.into()],
    )
}

/// Changes the caller's own key: `forbidden` for another's, and for a caller with a key, `missing_scope` for scopes the
/// changed one has not.
pub fn change(scope: Scope, id: i64, patch: &KeyPatch, with_key: bool) -> Vec<Stmt> {
    let mut stmts = vec![scope.stmt(
        "INSERT INTO guard SELECT 'forbidden', EXISTS (SELECT 1 FROM keys WHERE id = ?3 AND user_id = ?1)",
        [id.into()],
    )];
    if let Some(scopes) = patch.scopes.as_deref().filter(|_| with_key) {
        stmts.push(scope.stmt(
            "INSERT INTO guard SELECT 'missing_scope', NOT EXISTS (SELECT value FROM json_each(?4) \
             EXCEPT SELECT s.value FROM keys k, json_each(k.scopes) s WHERE k.id = ?3)",
            [id.into(), scopes.into()],
        ));
    }
    stmts.push(scope.stmt(
        "UPDATE keys SET name = coalesce(?4, name), scopes = coalesce(?5, scopes), \
         updated_at = max(?2, updated_at + 1) WHERE id = ?3",
        [id.into(), patch.name.as_deref().into(), patch.scopes.as_deref().into()],
    ));
    stmts
}

pub fn delete(scope: Scope, id: i64) -> Stmt {
    scope.stmt("DELETE FROM keys WHERE id = ?3", [id.into()])
}
