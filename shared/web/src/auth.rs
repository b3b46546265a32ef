//! Tokens. A session's token is a JWT (HS512) that names its session row; the row decides. A runner's token is a JWT
//! of another audience under another key, so that neither is ever accepted as the other.

use domain::messages::{INTERNAL, INVALID_TOKEN};
use domain::{Error, Id, Millis};
use jwt_simple::claims::Audiences;
use jwt_simple::prelude::{Duration, HS512Key, JWTClaims, MACLike, Token, UnixTimeStamp, VerificationOptions};
use ports::Config;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
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

#[derive(Serialize, Deserialize)]
struct SessionClaims {
    sid: String,
}

#[derive(Serialize, Deserialize)]
struct RunnerClaims {
    epoch: i64,
}

pub fn mint_session(config: &Config, session: &Session, now: Millis, expires: Millis) -> Result<String, Error> {
    let (kid, key) = config.jwt_keys.first().ok_or_else(|| INTERNAL.error().cause("JWT_KEYS is not set"))?;
    mint(kid, key, USERS, session.user_id, SessionClaims { sid: session.session_id.clone() }, now, expires)
}

pub fn mint_runner(config: &Config, runner: RunnerToken, now: Millis) -> Result<String, Error> {
    // Ended by registering again or deleting the server, not by time.
    let expires = now.plus(365 * 24 * 60 * 60 * 1000);
    mint(RUNNER_KID, &config.runner_key, RUNNERS, runner.server_id, RunnerClaims { epoch: runner.epoch }, now, expires)
}

pub(crate) fn verify_session(config: &Config, token: &str, now: Millis) -> Result<Session, Error> {
    let metadata = Token::decode_metadata(token).map_err(|_| INVALID_TOKEN.error())?;
    let kid = metadata.key_id().unwrap_or_default();
    let key = config.jwt_keys.iter().find(|(k, _)| k == kid).ok_or_else(|| INVALID_TOKEN.error())?;
    let claims: JWTClaims<SessionClaims> = verify(&key.0, &key.1, USERS, token, now)?;
    Ok(Session { user_id: subject(&claims)?, session_id: claims.custom.sid })
}

pub(crate) fn verify_runner(config: &Config, token: &str, now: Millis) -> Result<RunnerToken, Error> {
    if config.runner_key.len() < 32 {
        return Err(INTERNAL.error().cause("RUNNER_KEY is not set or too short"));
    }
    let claims: JWTClaims<RunnerClaims> = verify(RUNNER_KID, &config.runner_key, RUNNERS, token, now)?;
    Ok(RunnerToken { server_id: subject(&claims)?, epoch: claims.custom.epoch })
}

fn mint<C: Serialize + DeserializeOwned>(
    kid: &str,
    key: &str,
    audience: &str,
    subject: Id,
    custom: C,
    now: Millis,
    expires: Millis,
) -> Result<String, Error> {
    let stamp = |t: Millis| UnixTimeStamp::from_secs(t.seconds().unsigned_abs());
    let claims = JWTClaims {
        issued_at: Some(stamp(now)),
        expires_at: Some(stamp(expires)),
        invalid_before: None,
        issuer: Some(ISSUER.to_string()),
        subject: Some(subject.to_string()),
        audiences: Some(Audiences::AsString(audience.to_string())),
        jwt_id: None,
        nonce: None,
        custom,
    };
    HS512Key::from_bytes(key.as_bytes()).with_key_id(kid).authenticate(claims).map_err(|e| INTERNAL.error().cause(e))
}

fn verify<C: Serialize + DeserializeOwned>(
    kid: &str,
    key: &str,
    audience: &str,
    token: &str,
    now: Millis,
) -> Result<JWTClaims<C>, Error> {
    let options = VerificationOptions {
        artificial_time: Some(UnixTimeStamp::from_secs(now.seconds().unsigned_abs())),
        time_tolerance: Some(Duration::from_secs(0)),
        required_key_id: Some(kid.to_string()),
        allowed_issuers: Some([ISSUER.to_string()].into()),
        allowed_audiences: Some([audience.to_string()].into()),
        max_token_length: Some(2048),
        ..VerificationOptions::default()
    };
    HS512Key::from_bytes(key.as_bytes()).verify_token(token, Some(options)).map_err(|_| INVALID_TOKEN.error())
}

fn subject<C>(claims: &JWTClaims<C>) -> Result<Id, Error> {
    claims.subject.as_deref().and_then(domain::id::parse).ok_or_else(|| INVALID_TOKEN.error())
}

/// Lower-case hex, for tokens that are stored and compared as hashes.
pub fn sha256_hex(bytes: &[u8]) -> String {
    domain::id::hex(&Sha256::digest(bytes))
}
