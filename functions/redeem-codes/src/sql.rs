//! The SQL of redeem codes. That of redeeming one is in `store::redeem`.

use serde_json::{Value, json};
use store::spec::{ADMIN, DATE_FILTER, NEWEST, OLDEST, USER_FILTER};
use store::{Column, Filter, FilterRule, Kind, Query, Scope, Search, Sort, Spec, Tx, args};

use crate::model::NewCodes;

pub static CODES: Spec = Spec {
    name: "redeem-codes",
    from: "redeem_codes t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("prefix", "t.prefix", Kind::Text),
        Column::new("points", "t.points", Kind::Int),
        Column::new("max_uses", "t.max_uses", Kind::Int),
        Column::new("uses", "t.uses", Kind::Int),
        Column::new("usable", USABLE, Kind::Bool),
        Column::new("expires_at", "t.expires_at", Kind::Time),
        // `NewCodes::grant_ms`
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
    filters: &[USER_FILTER, Filter { name: "usable", aliases: &[], rule: FilterRule::Flag(USABLE) }, DATE_FILTER],
    search: Search::Contains("(t.prefix || char(10) || t.note)"),
    sorts: &[
        NEWEST,
        OLDEST,
        Sort { name: "points", aliases: &[], sql: "t.points", descending: true },
        Sort { name: "uses", aliases: &[], sql: "t.uses", descending: true },
    ],
    ..Spec::EMPTY
};

/// The condition that a code can be redeemed.
const USABLE: &str =
    "(t.uses < t.max_uses AND coalesce(t.expires_at > :now, 1) AND coalesce(t.grant_expires_at > :now, 1))";

/// Inserts codes of one kind: each a hash and a prefix, all derived from `nonce`.
pub fn insert(tx: &mut Tx, new: &NewCodes, nonce: &str, codes: impl Iterator<Item = (String, String)>) {
    let codes: Vec<Value> = codes.map(|(hash, prefix)| json!([hash, prefix])).collect();
    let NewCodes { points, max_uses, expires_at, grant_expires_at, note, .. } = new;
    tx.exec(
        "INSERT INTO redeem_codes (hash, prefix, batch, points, max_uses, expires_at, grant_ms, grant_expires_at, \
         note, user_id, created_at, updated_at) \
         SELECT json_extract(c.value, '$[0]'), json_extract(c.value, '$[1]'), :nonce, :points, :max_uses, \
         :expires_at, :grant_ms, :grant_expires_at, :note, :me, :now, :now FROM json_each(:codes) c ORDER BY c.key",
        args! {
            codes: Value::from(codes).to_string(),
            nonce,
            points,
            max_uses,
            expires_at,
            grant_ms: new.grant_ms(),
            grant_expires_at,
            note,
        },
    );
}

/// The codes just inserted as `{id, codes}`, each code with its row; `code` is the nonce, in place of the text.
pub fn inserted(scope: Scope, nonce: &str) -> Query {
    let object = CODES.object(scope);
    Query::new(
        format!(
            "SELECT json_object('id', min(r.id), 'codes', json_group_array(json(r.o))) AS item FROM (\
             SELECT t.id, json_insert({object}, '$.code', :nonce) AS o FROM redeem_codes t \
             WHERE t.batch = :nonce ORDER BY t.id) r"
        ),
        args! { nonce },
    )
}

pub fn delete(tx: &mut Tx, id: i64) {
    tx.exec("DELETE FROM redeem_codes WHERE id = :id", args! { id });
}
