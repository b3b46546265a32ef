//! Signing up, open to anyone: a transaction that asks, the slow hashing of the password, a transaction that writes.

use domain::Error;
use domain::messages::{FORBIDDEN, SIGNUP_CLOSED};
use store::{rate_limit, sessions};
use web::{Json, RequestCtx, Result, keyed_hash, password};

use crate::model::NewUser;
use crate::sql;

/// Sign-ups in `WINDOW_MS` from one address, or by one user who is not an administrator: enough for a classroom.
const SIGNUPS: i64 = 100;
const WINDOW_MS: i64 = 60 * 60 * 1000;

pub async fn create(ctx: RequestCtx, body: Json<NewUser>) -> Result {
    let open = ctx.runtime.config.signup_open;
    if ctx.caller()?.is_none() && !open {
        return Err(SIGNUP_CLOSED.error().into());
    }
    let new = body.read()?;
    require_permission(&ctx, &new).await?;
    let phc = password::hash(&ctx.runtime, &new.password)?;
    let mut tx = ctx.read()?;
    if new.admin || !open {
        sessions::require_admin(&mut tx);
    }
    ctx.once(&mut tx, &keyed_hash(&ctx.runtime.config, &body.hash))?;
    sql::insert(&mut tx, &new, &phc, ctx.runtime.config.signup_points);
    tx.answer(sql::inserted(tx.scope, &new.email));
    ctx.created_answer(tx).await
}

/// Counts the sign-up. Administrators may always create users; others within the limit, while sign-up is open, and no
/// administrators.
async fn require_permission(ctx: &RequestCtx, new: &NewUser) -> std::result::Result<(), Error> {
    let mut tx = ctx.read()?;
    let bucket = match tx.scope.me {
        0 => format!("signup:{}", ctx.ip()),
        user => format!("signup:user:{user}"),
    };
    let counter = rate_limit::count(&mut tx, &bucket, WINDOW_MS);
    let admin = sql::is_admin(&mut tx);
    let outcome = tx.run().await?;
    if outcome.row(admin).is_some_and(|row| row.flag("admin")) {
        return Ok(());
    }
    rate_limit::check(outcome.row(counter), SIGNUPS, ctx.runtime.now)?;
    if !ctx.runtime.config.signup_open {
        return Err(SIGNUP_CLOSED.error());
    }
    if new.admin { Err(FORBIDDEN.error()) } else { Ok(()) }
}
