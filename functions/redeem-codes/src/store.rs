//! The SQL of redeem codes. That of redeeming one is in `store::redeem`.

use ::store::spec::{ADMIN, NEWEST, OLDEST};
use ::store::{Column, Filter, FilterRule, Kind, Scope, Search, Sort, Spec};
use ports::Stmt;

use crate::model::NewCodes;

pub static CODES: Spec = Spec {
    name: "redeem-codes",
    from: "redeem_codes t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("prefix", "t.prefix", Kind::Text),
        Column::new("points", "t.points", Kind::Int),
        Column::new("max_uses", "t.max_uses", Kind::Int),
        Column::new("uses", "t.uses", Kind::Int),
        Column::new("usable", USABLE, Kind::Bool),
        Column::new("expires_at", "t.expires_at", Kind::Time),
        // model::DAY_MS
        Column::new("grant_days", "t.grant_ms / 86400000", Kind::Int),
        Column::new("grant_expires_at", "t.grant_expires_at", Kind::Time),
        Column::new("note", "t.note", Kind::Text),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: ADMIN,
    writable: ADMIN,
    owner: "t.user_id",
    seq: "t.updated_at",
    end: "FALSE",
    filters: &[
        Filter { name: "user", also: &["user_id"], rule: FilterRule::Users("t.user_id IN ({ids})") },
        Filter { name: "usable", also: &[], rule: FilterRule::Flag(USABLE) },
        Filter { name: "date", also: &[], rule: FilterRule::Date("t.created_at") },
    ],
    search: Search::Contains("(t.prefix || char(10) || t.note)"),
    sorts: &[
        NEWEST,
        OLDEST,
        Sort { name: "points", also: &[], sql: "t.points", descending: true },
        Sort { name: "uses", also: &[], sql: "t.uses", descending: true },
    ],
};

const USABLE: &str =
    "(t.uses < t.max_uses AND coalesce(t.expires_at > ?2, 1) AND coalesce(t.grant_expires_at > ?2, 1))";

/// `codes` are each a hash and a prefix; `nonce` is what they were made of.
pub fn insert(scope: Scope, new: &NewCodes, nonce: &str, codes: impl Iterator<Item = (String, String)>) -> Stmt {
    let codes: Vec<_> = codes.map(|(hash, prefix)| serde_json::json!([hash, prefix])).collect();
    scope.stmt(
        "INSERT INTO redeem_codes (hash, prefix, batch, points, max_uses, expires_at, grant_ms, grant_expires_at, note, \
         user_id, created_at, updated_at) SELECT json_extract(c.value, '$[0]'), json_extract(c.value, '$[1]'), ?4, ?5, ?6, \
         ?7, ?8, ?9, ?10, ?1, ?2, ?2 FROM json_each(?3) c ORDER BY c.key",
        [
            serde_json::Value::from(codes).to_string().into(),
            nonce.into(),
            new.points.into(),
            new.max_uses.into(),
            new.expires_at.map(|end| end.0).into(),
            new.grant_ms.into(),
            new.grant_expires_at.map(|end| end.0).into(),
            new.note.as_str().into(),
        ],
    )
}

/// The codes just inserted, each with `code`: the nonce they were made of, in place of its text.
pub fn inserted(scope: Scope, nonce: &str) -> Stmt {
    let object = CODES.object(scope.profile);
    scope.stmt(
        format!(
            "SELECT json_object('id', min(r.id), 'codes', json_group_array(json(r.o))) AS item FROM (\
             SELECT t.id, json_insert({object}, '$.code', ?3) AS o FROM redeem_codes t WHERE t.batch = ?3 ORDER BY t.id) r"
        ),
        [nonce.into()],
    )
}

pub fn delete(scope: Scope, id: i64) -> Stmt {
    scope.stmt("DELETE FROM redeem_codes WHERE id = ?3", [id.into()])
}
