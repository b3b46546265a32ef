//! The SQL of changes to redeem codes. `store::redeem` has what is shown of them, and redeems one.

use serde_json::{Value, json};
use store::redeem::CODES;
use store::{Query, Scope, Tx, args};

use crate::model::NewCodes;

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
