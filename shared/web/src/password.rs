//! Passwords: hashed with Argon2id (RFC 9106; 19 MiB, two passes, one lane, OWASP's least), kept as PHC strings.
//! One hash takes about 90 ms in WASM, so callers count the attempt first (`store::rate_limit`).

use argon2::Argon2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use domain::messages::{INTERNAL, NOT_FOUND, WRONG_PASSWORD};
use domain::{Error, Id};
use ports::Runtime;
use store::{rate_limit, users};

use crate::request_ctx::RequestCtx;

/// Changes of passwords one user may try in `WINDOW_MS`, their own or, as an administrator, others'.
const CHANGES: i64 = 20;
const WINDOW_MS: i64 = 15 * 60 * 1000;

/// The PHC string of a password, with a fresh salt.
pub fn hash(runtime: &Runtime, password: &str) -> Result<String, Error> {
    let mut salt = [0; 16];
    runtime.rng.fill(&mut salt);
    let key = derive(password, &salt).map_err(|e| INTERNAL.error().cause(e))?;
    Ok(format!("{PREFIX}{}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(key)))
}

/// True for the right password. Takes as long when there is no such user.
pub fn verify(phc: Option<&str>, password: &str) -> bool {
    let parts = phc.and_then(|phc| phc.strip_prefix(PREFIX)?.split_once('$'));
    let bytes = |text: &str| STANDARD_NO_PAD.decode(text).ok();
    let known = parts.and_then(|(salt, key)| bytes(salt).zip(bytes(key)));
    let (salt, expected) = known.unwrap_or_else(|| (vec![0; 16], Vec::new()));
    let key = derive(password, &salt);
    // Every byte is looked at, so that the time taken says nothing about where they differ.
    key.is_ok_and(|key| {
        expected.len() == key.len() && key.iter().zip(&expected).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    })
}

/// The parameters, as PHC strings begin with them.
const PREFIX: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// The crate's defaults are those parameters; a test holds them to it.
fn derive(password: &str, salt: &[u8]) -> Result<[u8; 32], argon2::Error> {
    let mut key = [0; 32];
    Argon2::default().hash_password_into(password.as_bytes(), salt, &mut key)?;
    Ok(key)
}

/// A password that may replace the user's present one.
pub struct NewPassword {
    /// Its PHC string.
    pub phc: String,
    /// The PHC string it replaces. The change compares it, so that of two changes at once only one happens.
    pub replaced: String,
}

impl RequestCtx {
    /// Checks that the caller may give this user a new password, and hashes it, in a transaction before the one that
    /// writes. `current`, where given, must be the present password.
    pub async fn new_password(&self, user: Id, new: &str, current: Option<&str>) -> Result<NewPassword, Error> {
        let mut tx = self.write_to(&users::USERS, user)?;
        let bucket = format!("password:{}", tx.scope.me);
        let counter = rate_limit::count(&mut tx, &bucket, WINDOW_MS);
        let present = users::password(&mut tx, user);
        let outcome = tx.run().await?;
        rate_limit::check(outcome.row(counter), CHANGES, self.runtime.now)?;
        let present = outcome.row(present).and_then(|row| row.text("password")).ok_or_else(|| NOT_FOUND.error())?;
        if current.is_some_and(|current| !verify(Some(present), current)) {
            return Err(WRONG_PASSWORD.on("current_password"));
        }
        Ok(NewPassword { phc: hash(&self.runtime, new)?, replaced: present.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the reference implementation makes it (argon2-cffi 25.1: hash_secret with salt `somesalt-16bytes`).
    const REFERENCE: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQtMTZieXRlcw$M0Fu++ndSZQwP3rD8rGVCyx/Q4Z8eBEJBr1HNCl1Ytg";

    #[test]
    fn parameters_are_as_promised() {
        assert!(verify(Some(REFERENCE), "correct horse 電池"));
        for password in ["correct horse 電", "Correct horse 電池", ""] {
            assert!(!verify(Some(REFERENCE), password), "{password}");
        }
    }

    #[test]
    fn what_is_no_hash_of_ours_fits_no_password() {
        let (head, key) = REFERENCE.rsplit_once('$').unwrap();
        let shorter = format!("{head}${}", &key[..40]);
        let other = REFERENCE.replace("m=19456", "m=8");
        for phc in [None, Some("-"), Some(""), Some(head), Some(PREFIX), Some(&shorter), Some(&other)] {
            assert!(!verify(phc, "correct horse 電池") && !verify(phc, ""), "{phc:?}");
        }
    }
}
