//! Tokens. A session's token is a JWT (HS512) that names its session row; the row decides. A runner's token is a JWT
//! of another audience under another key, so that neither is ever accepted as the other.

use domain::messages::{INTERNAL, INVALID_TOKEN};
use domain::{Error, Id, Millis, jwt};
use ports::Config;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const ISSUER: &str = "easel";
const USERS: &str = "easel-users";
const RUNNERS: &str = "easel-runners";
const RUNNER_KID: &str = "runner";

/// Whom a session token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub user_id: Id,
    pub session_id: String,
}

/// Which registration of which runner a runner token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunnerToken {
    pub server_id: Id,
    pub epoch: i64,
}

/// Times are seconds since 1970. Of `sid` and `epoch` a session's token has the first, a runner's the second.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<i64>,
}

impl Claims {
    fn new(audience: &str, subject: Id, now: Millis, expires: Millis) -> Claims {
        Claims {
            iss: ISSUER.into(),
            aud: audience.into(),
            sub: subject.to_string(),
            iat: now.seconds(),
            exp: expires.seconds(),
            sid: None,
            epoch: None,
        }
    }

    /// The subject, when these claims are ours, for `audience`, and not past their time.
    fn subject(&self, audience: &str, now: Millis) -> Result<Id, Error> {
        let good = self.iss == ISSUER && self.aud == audience && now.seconds() < self.exp;
        domain::id::parse(&self.sub).filter(|_| good).ok_or_else(|| INVALID_TOKEN.error())
    }
}

pub fn mint_session(config: &Config, session: &Session, now: Millis, expires: Millis) -> Result<String, Error> {
    let (kid, key) = config.jwt_keys.first().ok_or_else(|| INTERNAL.error().cause("JWT_KEYS is not set"))?;
    let claims = Claims { sid: Some(session.session_id.clone()), ..Claims::new(USERS, session.user_id, now, expires) };
    mint(kid, key, &claims)
}

pub fn mint_runner(config: &Config, runner: RunnerToken, now: Millis) -> Result<String, Error> {
    // Ended by registering again or deleting the server, not by time.
    let expires = now.plus(365 * 24 * 60 * 60 * 1000);
    let claims = Claims { epoch: Some(runner.epoch), ..Claims::new(RUNNERS, runner.server_id, now, expires) };
    mint(RUNNER_KID, &config.runner_key, &claims)
}

pub(crate) fn verify_session(config: &Config, token: &str, now: Millis) -> Result<Session, Error> {
    let key = |kid: &str| config.jwt_keys.iter().find(|(known, _)| known == kid).map(|(_, key)| key.as_bytes());
    let claims: Claims = jwt::verify(token, key).ok_or_else(|| INVALID_TOKEN.error())?;
    let user_id = claims.subject(USERS, now)?;
    Ok(Session { user_id, session_id: claims.sid.ok_or_else(|| INVALID_TOKEN.error())? })
}

pub(crate) fn verify_runner(config: &Config, token: &str, now: Millis) -> Result<RunnerToken, Error> {
    if config.runner_key.len() < 32 {
        return Err(INTERNAL.error().cause("RUNNER_KEY is not set or too short"));
    }
    let key = |kid: &str| (kid == RUNNER_KID).then_some(config.runner_key.as_bytes());
    let claims: Claims = jwt::verify(token, key).ok_or_else(|| INVALID_TOKEN.error())?;
    let server_id = claims.subject(RUNNERS, now)?;
    Ok(RunnerToken { server_id, epoch: claims.epoch.ok_or_else(|| INVALID_TOKEN.error())? })
}

fn mint(kid: &str, key: &str, claims: &Claims) -> Result<String, Error> {
    jwt::sign(kid, key.as_bytes(), claims).ok_or_else(|| INTERNAL.error().cause("a signing key is too short"))
}

/// Lower-case hex, for tokens that are stored and compared as hashes.
pub fn sha256_hex(bytes: &[u8]) -> String {
    domain::id::hex(&Sha256::digest(bytes))
}

/// A body's hash as it may be stored when the body holds a password: nobody who reads the database alone can try
/// passwords against it.
pub fn seal(config: &Config, hash: &str) -> String {
    let key = config.jwt_keys.first().map_or("", |(_, key)| key.as_str());
    sha256_hex(format!("{key}:{hash}").as_bytes())
}
