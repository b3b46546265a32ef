//! The handlers: authorise, validate, store, reply. Each is one database batch; where a password is hashed, one more
//! before it asks whether it should be.

use ::store::users::{self, USERS};
use ::store::{ledger, limits, sessions};
use domain::messages::{EMAIL_TAKEN, FORBIDDEN, LAST_ADMIN, MISSING_PARAMETER, SIGNUP_CLOSED};
use web::{Ctx, Json, PathId, Result, password, seal};

use crate::model::{NewUser, UserPatch};
use crate::store;

/// Sign-ups in an hour from one address, or by one user who is not an administrator: a classroom's worth.
const SIGNUPS: i64 = 100;
const WINDOW_MS: i64 = 60 * 60 * 1000;

pub async fn list(ctx: Ctx) -> Result {
    ctx.list(&USERS).await
}

pub async fn read(ctx: Ctx, PathId(id): PathId) -> Result {
    ctx.read(&USERS, id).await
}

pub async fn create(ctx: Ctx, body: Json) -> Result {
    let caller = ctx.caller()?;
    let open = ctx.cx.config.signup_open;
    if !open && caller.is_none() {
        return Err(SIGNUP_CLOSED.error().into());
    }
    let new = NewUser::read(&body.value)?;

    let (scope, mut ask) = ctx.reading()?;
    let bucket = caller.map_or_else(|| format!("signup:{}", ctx.ip()), |user| format!("signup:user:{}", user.id));
    let tally = ask.push(limits::tally(scope, &bucket, WINDOW_MS));
    let admin = ask.push(store::is_admin(scope));
    let found = ask.run(&*ctx.cx.ports.sql).await?;
    let admin = found.rows(admin).first().is_some_and(|row| row.flag("admin"));
    if !admin {
        limits::within(found.rows(tally), SIGNUPS, scope.now)?;
        if !open {
            return Err(SIGNUP_CLOSED.error().into());
        }
        if new.admin {
            return Err(FORBIDDEN.error().into());
        }
    }

    let phc = password::hash(&ctx.cx, &new.password)?;
    let (scope, mut write) = ctx.reading()?;
    if new.admin || !open {
        write.push(sessions::admin(scope));
    }
    write.unique("users.email", &EMAIL_TAKEN, "email");
    let hash = seal(&ctx.cx.config, &body.hash);
    let welcome = ledger::welcome(scope, ctx.cx.config.signup_points, &new.email);
    let insert = vec![store::insert(scope, &new, &phc), welcome];
    ctx.create(scope, write, &hash, insert, store::inserted(scope, &new.email), []).await
}

pub async fn update(ctx: Ctx, PathId(id): PathId, body: Json) -> Result {
    let me = ctx.user()?;
    let patch = UserPatch::read(&body.value)?;
    let new = match &patch.password {
        None => None,
        Some(new) if id != me.id => Some(ctx.new_password(id, new, None).await?),
        // As at /api/account: a token alone, found or stolen, changes no password.
        Some(new) => {
            let missing = || MISSING_PARAMETER.on("current_password").arg("current_password");
            let current = patch.current_password.as_deref().ok_or_else(missing)?;
            Some(ctx.new_password(id, new, Some(current)).await?)
        }
    };
    let changes = users::Changes {
        name: patch.name.as_deref(),
        email: patch.email.as_deref(),
        admin: patch.admin,
        password: new.as_ref().map(|new| (new.phc.as_str(), new.was.as_str())),
    };
    let (scope, mut batch) = ctx.writing()?;
    batch.unique("users.email", &EMAIL_TAKEN, "email");
    batch.meaning("conflict", &LAST_ADMIN);
    let mut stmts = Vec::new();
    if let Some(admin) = patch.admin {
        stmts.push(sessions::admin(scope));
        stmts.extend((!admin).then(|| store::not_the_last_admin(scope, id)));
    }
    stmts.extend(users::change(scope, id, &changes, me.credential.session().unwrap_or_default()));
    ctx.change((scope, batch), &USERS, id, stmts).await
}

pub async fn delete(ctx: Ctx, PathId(id): PathId) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    batch.meaning("conflict", &LAST_ADMIN);
    let reply = ctx.remove((scope, batch), &USERS, id, store::delete(scope, id)).await?;
    // The sweeper deletes the stored objects; it looks by itself after a while, should this be lost.
    let hub = ctx.cx.ports.hub.clone();
    ctx.cx.background.spawn(Box::pin(async move {
        let _ = hub.wake().await;
    }));
    Ok(reply)
}
