//! A user's points: their balance, and grants by administrators. The ledger only grows, so a grant is never changed or
//! taken back; the database keeps the books (`store::ledger`).

use store::ledger::{self, GrantKind, spendable};
use store::users::USERS;
use store::{Column, Kind, Property, Query, Scope, Shape, Spec, args};
use web::form::require_future;
use web::{Json, PathId, Reply, RequestCtx, Result};

use crate::model::NewGrant;

pub static GRANTS: Spec = Spec {
    name: "grants",
    from: "grants t",
    columns: &[
        Column::new("id", "t.id", Kind::Int),
        Column::new("user_id", "t.user_id", Kind::User),
        // grant, signup or redeem.
        Column::new("kind", "t.kind", Kind::Text),
        Column::new("points", "t.amount", Kind::Int),
        Column::new("remaining", "iif(coalesce(t.expires_at <= :now, 0), 0, t.remaining)", Kind::Int),
        Column::new("reason", "t.reason", Kind::Text),
        Column::new("granted_by", "t.granted_by", Kind::Int),
        Column::new("expires_at", "t.expires_at", Kind::Time),
        Column::new("created_at", "t.created_at", Kind::Time),
    ],
    owner: "t.user_id",
    seq: "t.created_at",
    ..Spec::EMPTY
};

/// The reply of `read`.
pub static BALANCE: Shape = Shape::Object(&[
    Property::new("points", Shape::Int, "The points that can be spent now."),
    Property::new(
        "expires_at",
        Shape::Nullable(&Shape::Time),
        "The end of the grant that expires first; `expiresAt` in v0.",
    ),
    Property::new("grants", Shape::List(&GRANT), "The last hundred, newest first."),
]);
static GRANT: Shape = Shape::Row(&GRANTS);

pub async fn give(ctx: RequestCtx, PathId(id): PathId, body: Json<NewGrant>) -> Result {
    let mut tx = ctx.write_as_admin()?;
    tx.require_writable(&USERS, id);
    ctx.once(&mut tx, &body.hash)?;
    let new = body.read()?;
    require_future("expires_at", new.expires_at, ctx.runtime.now)?;
    let grant = ledger::NewGrant {
        kind: GrantKind::Grant,
        amount: new.points,
        reason: &new.reason,
        expires_at: new.expires_at,
    };
    ledger::grant(&mut tx, &grant, "SELECT id FROM users WHERE id = :user", args! { user: id });
    let reply = ctx.created(tx, &GRANTS).await?;
    ctx.publish_rows([(&USERS, vec![id])]);
    // A grant has no address of its own.
    Ok(reply.map_location(|_| String::new()))
}

pub async fn read(ctx: RequestCtx, PathId(id): PathId) -> Result {
    let mut tx = ctx.write_to(&USERS, id)?;
    let balance = tx.push(balance(tx.scope, id));
    Ok(Reply::Item(tx.run().await?.item(balance)?))
}

/// The balance of a user as a JSON object `item`.
fn balance(scope: Scope, user: i64) -> Query {
    let (object, points, end) = (GRANTS.object(scope), spendable(":user"), scope.version.key("expires_at"));
    Query::new(
        format!(
            "SELECT json_object('points', {points}, '{end}', (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', \
             min(g.expires_at) / 1000.0, 'unixepoch') FROM grants g \
             WHERE g.user_id = :user AND g.remaining > 0 AND g.expires_at > :now), \
             'grants', json((SELECT json_group_array(json(l.o)) FROM (SELECT {object} AS o FROM grants t \
             WHERE t.user_id = :user ORDER BY t.id DESC LIMIT 100) l))) AS item"
        ),
        args! { user },
    )
}
