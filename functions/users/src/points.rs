//! A user's points: what there is, and what administrators give. The ledger only grows, so a grant is never taken back
//! or changed; the bookkeeping is the database's (`store::ledger`).

use ::store::ledger::{self, GrantKind, NewGrant, spendable};
use ::store::list::{inserted, writable};
use ::store::users::USERS;
use ::store::{Column, Kind, Scope, Search, Spec, sessions};
use ports::Stmt;
use web::{Ctx, Json, PathId, Reply, Result};

use crate::model::GRANT;

pub static GRANTS: Spec = Spec {
    name: "grants",
    from: "grants t",
    key: "t.id",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("user_id", "t.user_id", Kind::User),
        // grant, signup or redeem.
        Column::new("kind", "t.kind", Kind::Text),
        Column::new("points", "t.amount", Kind::Int),
        Column::new("remaining", "iif(coalesce(t.expires_at <= ?2, 0), 0, t.remaining)", Kind::Int),
        Column::new("reason", "t.reason", Kind::Text),
        Column::new("granted_by", "t.granted_by", Kind::Int),
        Column::new("expires_at", "t.expires_at", Kind::Time),
        Column::new("created_at", "t.created_at", Kind::Time),
    ],
    visible: "TRUE",
    writable: "FALSE",
    owner: "t.user_id",
    seq: "t.created_at",
    end: "FALSE",
    filters: &[],
    search: Search::None,
    sorts: &[],
};

pub async fn give(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let values = GRANT.create(&body.value)?;
    let reason = values.text("reason").unwrap_or_default();
    let grant = NewGrant {
        kind: GrantKind::Grant,
        amount: values.int("points").unwrap_or(0),
        reason: &reason,
        expires_at: values.future("expires_at", scope.now)?.map(|end| end.0),
    };
    batch.push(sessions::admin(scope));
    batch.extend(writable(&USERS, scope, id));
    let insert = ledger::grant(scope, &grant, "SELECT id FROM users WHERE id = ?8", [id.into()]);
    match ctx.create(scope, batch, &body.hash, insert, inserted(&GRANTS, scope), []).await? {
        // A grant has no address of its own.
        Reply::Created { item, .. } => Ok(Reply::Created { item, location: String::new() }),
        other => Ok(other),
    }
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    batch.extend(writable(&USERS, scope, id));
    let item = batch.push(balance(scope, id));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    Ok(Reply::Item(outcome.item(item)?))
}

fn balance(scope: Scope, user: i64) -> Stmt {
    let (object, points, end) = (GRANTS.object(scope.profile), spendable("?3"), scope.profile.key("expires_at"));
    scope.stmt(
        format!(
            "SELECT json_object('points', {points}, '{end}', (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', min(g.expires_at) / 1000.0, \
             'unixepoch') FROM grants g WHERE g.user_id = ?3 AND g.remaining > 0 AND g.expires_at > ?2), \
             'grants', json((SELECT json_group_array(json(l.o)) FROM (SELECT {object} AS o FROM grants t \
             WHERE t.user_id = ?3 ORDER BY t.id DESC LIMIT 100) l))) AS item"
        ),
        [user.into()],
    )
}
