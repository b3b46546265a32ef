//! Redeeming a code. Making and listing codes is in `functions/redeem-codes`, their text in `domain::redeem_code`.

use domain::messages::{ALREADY_REDEEMED, REDEEM_CODE_INVALID};

use crate::args;
use crate::spec::{
    ADMIN, Column, DATE_FILTER, Filter, FilterRule, Kind, NEWEST, OLDEST, Search, Sort, Spec, USER_FILTER,
};
use crate::tx::Tx;
use crate::visible::Visible;

/// Redeem codes as administrators see them.
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
        // Milliseconds a day.
        Column::new("grant_days", "t.grant_ms / 86400000", Kind::Int),
        Column::new("grant_expires_at", "t.grant_expires_at", Kind::Time),
        Column::new("note", "t.note", Kind::Text),
        Column::new("user_id", "t.user_id", Kind::User),
        Column::new("created_at", "t.created_at", Kind::Time),
        Column::new("updated_at", "t.updated_at", Kind::Time),
    ],
    visible: Visible::Admins,
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

/// Gives the caller the points of a code; the last statement inserts the grant. Fails the transaction with
/// `already_redeemed`, or with `redeem_code_invalid` when the code is unknown, expired or used up. `hash` is the hex
/// SHA-256 of `domain::redeem_code::read`.
pub fn redeem(tx: &mut Tx, hash: &str) {
    // The database lets one transaction write at a time, so each sees the uses of those before it.
    tx.guard(
        &ALREADY_REDEEMED,
        "NOT EXISTS (SELECT 1 FROM redemptions r JOIN redeem_codes c ON c.id = r.code_id \
         WHERE c.hash = :hash AND r.user_id = :me)",
        args! { hash },
    );
    tx.guard(
        &REDEEM_CODE_INVALID,
        "EXISTS (SELECT 1 FROM redeem_codes WHERE hash = :hash AND uses < max_uses \
         AND coalesce(expires_at > :now, 1) AND coalesce(grant_expires_at > :now, 1))",
        args! { hash },
    );
    for sql in [
        "INSERT INTO redemptions (code_id, user_id, created_at) \
         SELECT id, :me, :now FROM redeem_codes WHERE hash = :hash",
        "UPDATE redeem_codes SET uses = uses + 1, updated_at = max(:now, updated_at + 1) WHERE hash = :hash",
        "INSERT INTO grants (user_id, kind, amount, remaining, reason, expires_at, created_at) \
         SELECT :me, 'redeem', points, points, prefix, coalesce(grant_expires_at, :now + grant_ms), :now \
         FROM redeem_codes WHERE hash = :hash",
    ] {
        tx.exec(sql, args! { hash });
    }
}
