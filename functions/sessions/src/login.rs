//! Logging in: a transaction that asks, the slow comparison of the password, a transaction that writes.
//!
//! An unknown address and a wrong password get the same reply after the same time.

use domain::messages::{INTERNAL, INVALID_CREDENTIALS};
use domain::{Error, Millis};
use serde_json::Value;
use store::rate_limit;
use web::{Json, RequestCtx, Result, Session, keyed_hash, password, sha256_hex};

use crate::model::Credentials;
use crate::sql::{self, NewSession, VerifiedUser};

/// Wrong passwords in `WINDOW_MS`, at one account from one address.
const TRIES: i64 = 10;
/// Wrong passwords in `WINDOW_MS` from one address, at all accounts.
const TRIES_OF_ADDRESS: i64 = 200;
const WINDOW_MS: i64 = 15 * 60 * 1000;

pub async fn login(ctx: RequestCtx, body: Json<Credentials>) -> Result {
    let sent = body.read()?;
    let mut write = ctx.anonymous();
    ctx.once(&mut write, &keyed_hash(&ctx.runtime.config, &body.hash))?;
    let from = format!("login:{}", ctx.ip());
    let at = format!("{from}:{}", sent.email);

    let mut ask = ctx.anonymous();
    let [by_address, by_account] = [&from, &at].map(|bucket| rate_limit::count(&mut ask, bucket, WINDOW_MS));
    let user = sql::user(&mut ask, &sent.email);
    let found = ask.run().await?;
    rate_limit::check(found.row(by_account), TRIES, ctx.runtime.now)?;
    rate_limit::check(found.row(by_address), TRIES_OF_ADDRESS, ctx.runtime.now)?;
    let user = found.row(user).ok_or_else(|| INTERNAL.error().cause("the query of one row gave none"))?;

    let verified = if !user.flag("admins") && is_first_admin(&ctx, &sent) {
        VerifiedUser::FirstAdmin { email: sent.email.clone(), phc: password::hash(&ctx.runtime, &sent.password)? }
    } else {
        let phc = user.text("password");
        if !password::verify(phc, &sent.password) {
            return Err(INVALID_CREDENTIALS.error().into());
        }
        VerifiedUser::Existing { id: user.int("id").unwrap_or(0), phc: phc.unwrap_or_default().to_string() }
    };

    let session = NewSession {
        id: ctx.runtime.token(),
        name: sent.name,
        ip: ctx.ip(),
        user_agent: ctx.header("user-agent").chars().take(512).collect(),
    };
    sql::open(&mut write, &verified, &session, ctx.runtime.config.signup_points);
    rate_limit::clear(&mut write, &at);
    rate_limit::uncount(&mut write, &from);
    write.answer(sql::opened(write.scope, &session.id));
    ctx.created_answer(write).await?.map_item(|item| with_token(&ctx, item))
}

/// True for the credentials that the deployment was given for its first administrator.
fn is_first_admin(ctx: &RequestCtx, sent: &Credentials) -> bool {
    let Some((email, password)) = &ctx.runtime.config.first_admin else { return false };
    // Compared as hashes, so that the time taken says nothing about where they differ.
    let same = |a: &str, b: &str| sha256_hex(a.as_bytes()) == sha256_hex(b.as_bytes());
    !password.is_empty() && same(&email.trim().to_lowercase(), &sent.email) & same(password, &sent.password)
}

/// Adds the token to a session's JSON. It is derived from the session alone: a repeat gets the same token, and the
/// stored response holds none.
fn with_token(ctx: &RequestCtx, item: &str) -> std::result::Result<String, Error> {
    let json: Value = serde_json::from_str(item).map_err(|e| INTERNAL.error().cause(e))?;
    let text = |key: &str| json.get(ctx.version().key(key)).and_then(Value::as_str);
    let user_id = json.get("user_id").or_else(|| json.pointer("/user/id")).and_then(Value::as_i64);
    let (Some(user_id), Some(id), Some(created)) =
        (user_id, text("id"), text("created_at").and_then(Millis::parse_rfc3339))
    else {
        return Err(INTERNAL.error().cause("a session lacks its columns"));
    };
    let session = Session { user_id, session_id: id.to_string() };
    let token = web::mint_session(&ctx.runtime.config, &session, created, created.plus(sql::MAX_LIFETIME_MS))?;
    Ok(format!("{},\"token\":{}}}", item.strip_suffix('}').unwrap_or(item), Value::from(token)))
}
