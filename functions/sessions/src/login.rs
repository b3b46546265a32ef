//! Logging in: one batch that asks, the slow comparison of the password, one batch that writes.
//!
//! An unknown address and a wrong password cannot be told apart, neither by what is said nor by how long it takes.

use ::store::{Batch, idempotency, limits};
use domain::messages::{INTERNAL, INVALID_CREDENTIALS};
use domain::{Error, Millis};
use ports::Config;
use serde_json::Value;
use web::{Ctx, Json, Reply, Result, Session, password, seal, sha256_hex};

use crate::model::Credentials;
use crate::store::{self, NewSession, Who};

/// Wrong tries in a quarter of an hour: at one account from one address, and from one address at all accounts.
const TRIES: i64 = 10;
const TRIES_OF_ADDRESS: i64 = 200;
const WINDOW_MS: i64 = 15 * 60 * 1000;

pub async fn login(ctx: Ctx, body: Json) -> Result {
    let sent = Credentials::read(&body.value)?;
    let key = ctx.idempotency(&seal(&ctx.cx.config, &body.hash))?;
    let (sql, scope) = (&*ctx.cx.ports.sql, ctx.scope_of(0));
    let from = format!("login:{}", ctx.ip());
    let at = format!("{from}:{}", sent.email);

    let mut ask = Batch::new();
    let [by_address, by_account] = [&from, &at].map(|bucket| ask.push(limits::tally(scope, bucket, WINDOW_MS)));
    let user = ask.push(store::user(scope, &sent.email));
    let found = ask.run(sql).await?;
    limits::within(found.rows(by_account), TRIES, scope.now)?;
    limits::within(found.rows(by_address), TRIES_OF_ADDRESS, scope.now)?;
    let user = found.rows(user).first().ok_or_else(|| INTERNAL.error().cause("the query of one row gave none"))?;

    let first = !user.flag("admins") && is_first_admin(&ctx.cx.config, &sent);
    let who = if first {
        Who::FirstAdmin { email: sent.email.clone(), phc: password::hash(&ctx.cx, &sent.password)? }
    } else {
        let phc = user.text("password");
        if !password::verify(phc, &sent.password) {
            return Err(INVALID_CREDENTIALS.error().into());
        }
        Who::User { id: user.int("id").unwrap_or(0), phc: phc.unwrap_or_default().to_string() }
    };

    let session = NewSession {
        id: ctx.cx.token(),
        name: sent.name,
        ip: ctx.ip(),
        user_agent: ctx.header("user-agent").chars().take(512).collect(),
    };
    let mut write = Batch::new();
    if let Some(key) = &key {
        write.extend(idempotency::guard(scope, key));
    }
    write.extend(store::open(scope, &who, &session, ctx.cx.config.signup_points));
    write.extend([limits::clear(scope, &at), limits::forgive(scope, &from)]);
    let made = store::opened(scope, &session.id);
    let item = write.push(made.clone());
    if let Some(key) = &key {
        write.push(idempotency::store(scope, key, "/api/sessions/", &made));
    }
    let (item, location) = match (write.run(sql).await, &key) {
        // No row: the password was changed, or the user deleted, while it was compared.
        (Ok(outcome), _) => {
            (outcome.item(item).map_err(|_| INVALID_CREDENTIALS.error())?, format!("/api/sessions/{}", session.id))
        }
        (Err(error), Some(key)) if error.code() == "idempotency_key_reused" => {
            let stored = idempotency::stored(sql, scope, key).await?;
            (stored.body, stored.location)
        }
        (Err(error), _) => return Err(error.into()),
    };
    Ok(Reply::Created { item: with_token(&ctx, &item)?, location })
}

/// The credentials are those the deployment was given for its first administrator.
fn is_first_admin(config: &Config, sent: &Credentials) -> bool {
    let Some((email, password)) = &config.first_admin else { return false };
    // Compared as hashes, so that the time taken says nothing about where they differ.
    let same = |a: &str, b: &str| sha256_hex(a.as_bytes()) == sha256_hex(b.as_bytes());
    !password.is_empty() && same(&email.trim().to_lowercase(), &sent.email) & same(password, &sent.password)
}

/// Adds the token to a session's JSON. Made of nothing but the session, so that a replay gives the same one, and the
/// stored response need not hold it.
fn with_token(ctx: &Ctx, item: &str) -> std::result::Result<String, Error> {
    let json: Value = serde_json::from_str(item).map_err(|e| INTERNAL.error().cause(e))?;
    let text = |key: &str| json.get(ctx.profile().key(key)).and_then(Value::as_str);
    let user_id = json.get("user_id").or_else(|| json.pointer("/user/id")).and_then(Value::as_i64);
    let (Some(user_id), Some(id), Some(created)) =
        (user_id, text("id"), text("created_at").and_then(Millis::parse_rfc3339))
    else {
        return Err(INTERNAL.error().cause("a session lacks its columns"));
    };
    let session = Session { user_id, session_id: id.to_string() };
    let token = web::mint_session(&ctx.cx.config, &session, created, created.plus(store::LONGEST_MS))?;
    Ok(format!("{},\"token\":{}}}", item.strip_suffix('}').unwrap_or(item), Value::from(token)))
}
