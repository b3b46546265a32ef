//! Tokens. A session's token is a JWT (HS512) that names its session row; the row decides. A runner's token is a JWT
//! of another audience under another key, so that neither is ever accepted as the other.

use std::collections::HashSet;

use domain::messages::{INTERNAL, INVALID_TOKEN};
use domain::{Error, Id, Millis};
use jwt_simple::algorithms::{HS512Key, MACLike};
use jwt_simple::claims::{Audiences, JWTClaims};
use jwt_simple::common::VerificationOptions;
use jwt_simple::reexports::coarsetime::{Duration, UnixTimeStamp};
use jwt_simple::token::Token;
use ports::Config;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const ISSUER: &str = "easel";
const USERS: &str = "easel-users";
const RUNNERS: &str = "easel-runners";
const RUNNER_KID: &str = "runner";

/// The longest token that is read, in bytes.
const MAX_TOKEN: usize = 2048;
/// Shorter keys neither sign nor verify, in bytes.
const MIN_KEY: usize = 32;

/// Whom a session token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The user.
    pub user_id: Id,
    /// The row in `sessions`, 32 hex digits.
    pub session_id: String,
}

/// Which registration of which runner a runner token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunnerToken {
    /// The row in `servers`.
    pub server_id: Id,
    /// Number of the registration; a token of an earlier one is refused.
    pub epoch: i64,
}

/// The claims beside those of RFC 7519: a session's token has `sid`, a runner's has `epoch`.
#[derive(Serialize, Deserialize)]
struct Private {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<i64>,
}

/// Signs a token for a session.
///
/// # Errors
/// `internal_error` where `JWT_KEYS` is not set or its first key is shorter than 32 bytes.
pub fn mint_session(config: &Config, session: &Session, now: Millis, expires: Millis) -> Result<String, Error> {
    let (kid, key) = config.jwt_keys.first().ok_or_else(|| INTERNAL.error().cause("JWT_KEYS is not set"))?;
    let private = Private { sid: Some(session.session_id.clone()), epoch: None };
    mint((kid, key), USERS, session.user_id, now, expires, private)
}

/// Signs a token for a runner.
///
/// # Errors
/// `internal_error` where `RUNNER_KEY` is shorter than 32 bytes.
pub fn mint_runner(config: &Config, runner: RunnerToken, now: Millis) -> Result<String, Error> {
    // Ended by registering again or deleting the server, not by time.
    let expires = now.plus(365 * 24 * 60 * 60 * 1000);
    let private = Private { sid: None, epoch: Some(runner.epoch) };
    mint((RUNNER_KID, &config.runner_key), RUNNERS, runner.server_id, now, expires, private)
}

pub(crate) fn verify_session(config: &Config, token: &str, now: Millis) -> Result<Session, Error> {
    let key = |kid: &str| config.jwt_keys.iter().find(|(known, _)| known == kid).map(|(_, key)| key.as_str());
    let named = verify(token, USERS, now, key).and_then(|(user_id, private)| Some((user_id, private.sid?)));
    named.map(|(user_id, session_id)| Session { user_id, session_id }).ok_or_else(|| INVALID_TOKEN.error())
}

pub(crate) fn verify_runner(config: &Config, token: &str, now: Millis) -> Result<RunnerToken, Error> {
    if config.runner_key.len() < MIN_KEY {
        return Err(INTERNAL.error().cause("RUNNER_KEY is not set or too short"));
    }
    let key = |kid: &str| (kid == RUNNER_KID).then_some(config.runner_key.as_str());
    let named = verify(token, RUNNERS, now, key).and_then(|(server_id, private)| Some((server_id, private.epoch?)));
    named.map(|(server_id, epoch)| RunnerToken { server_id, epoch }).ok_or_else(|| INVALID_TOKEN.error())
}

fn mint(
    (kid, key): (&str, &str),
    audience: &str,
    subject: Id,
    now: Millis,
    expires: Millis,
    private: Private,
) -> Result<String, Error> {
    let key = hs512(key).ok_or_else(|| INTERNAL.error().cause("a signing key is too short"))?.with_key_id(kid);
    let claims = JWTClaims {
        issued_at: Some(timestamp(now)?),
        expires_at: Some(timestamp(expires)?),
        invalid_before: None,
        issuer: Some(ISSUER.into()),
        subject: Some(subject.to_string()),
        audiences: Some(Audiences::AsString(audience.into())),
        jwt_id: None,
        nonce: None,
        custom: private,
    };
    key.authenticate(claims).map_err(|_| INTERNAL.error().cause("a token could not be signed"))
}

/// The subject and private claims of a token for `audience` that is ours, whole, and not past its time. `find` gives
/// the key for a `kid`. Nothing but the header is read before the signature is checked.
fn verify<'k>(
    token: &str,
    audience: &str,
    now: Millis,
    find: impl FnOnce(&str) -> Option<&'k str>,
) -> Option<(Id, Private)> {
    if token.len() > MAX_TOKEN {
        return None;
    }
    let header = Token::decode_metadata(token).ok()?;
    // jwt-simple takes an empty list of extensions; RFC 7515 §4.1.11 does not.
    if header.critical().is_some() {
        return None;
    }
    let key = hs512(find(header.key_id()?)?)?;
    let options = VerificationOptions {
        allowed_issuers: Some(HashSet::from([ISSUER.to_string()])),
        allowed_audiences: Some(HashSet::from([audience.to_string()])),
        // The request's time, without tolerance. A machine whose clock is ahead may have signed.
        artificial_time: Some(timestamp(now).ok()?),
        time_tolerance: Some(Duration::from_secs(0)),
        accept_future: true,
        max_token_length: Some(MAX_TOKEN),
        ..VerificationOptions::default()
    };
    let claims = key.verify_token::<Private>(token, Some(options)).ok()?;
    // jwt-simple lets tokens without times pass, those in their last second, and a list of audiences.
    let (_, expires) = claims.issued_at.zip(claims.expires_at)?;
    let alone = claims.audiences.is_some_and(|audiences| audiences.is_string());
    let good = alone && u64::try_from(now.seconds()).ok()? < expires.as_secs();
    let subject = domain::id::parse(&claims.subject?)?;
    good.then_some((subject, claims.custom))
}

/// None when the key is too short.
fn hs512(key: &str) -> Option<HS512Key> {
    (key.len() >= MIN_KEY).then(|| HS512Key::from_bytes(key.as_bytes()))
}

/// Whole seconds since 1970; there is no time before that in a token.
fn timestamp(time: Millis) -> Result<UnixTimeStamp, Error> {
    let seconds = u64::try_from(time.seconds()).map_err(|_| INTERNAL.error().cause("a time before 1970"))?;
    Ok(UnixTimeStamp::from_secs(seconds))
}

/// SHA-256 in lower-case hex, for tokens that are stored and compared as hashes.
pub fn sha256_hex(bytes: &[u8]) -> String {
    domain::id::hex(&Sha256::digest(bytes))
}

/// A body's hash as it may be stored when the body holds a password: whoever reads the database alone cannot try
/// passwords against it.
pub fn keyed_hash(config: &Config, hash: &str) -> String {
    let key = config.jwt_keys.first().map_or("", |(_, key)| key.as_str());
    sha256_hex(format!("{key}:{hash}").as_bytes())
}

#[cfg(test)]
mod tests;
