//! Passwords: hashed with Argon2id (RFC 9106; 19 MiB, two passes, one lane, OWASP's least), kept as PHC strings.
//! One hash takes about 90 ms in WASM, so whoever calls this has counted the try first (`store::limits`).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use domain::messages::{INTERNAL, NOT_FOUND, WRONG_PASSWORD};
use domain::{Error, Id};
use ports::Cx;
use store::limits;

use crate::context::Ctx;

/// Changes of passwords one user may try, their own or, as an administrator, others'.
const CHANGES: i64 = 20;
const WINDOW_MS: i64 = 15 * 60 * 1000;

/// The PHC string of a password, with a fresh salt.
pub fn hash(cx: &Cx, password: &str) -> Result<String, Error> {
    let mut salt = [0; 16];
    cx.ids.fill(&mut salt);
    // The crate's defaults are the parameters named above; a test holds them to it.
    let phc: PasswordHash =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map_err(|e| INTERNAL.error().cause(e))?;
    Ok(phc.to_string())
}

/// Whether this is the password. Takes as long when there is no such user.
pub fn verify(phc: Option<&str>, password: &str) -> bool {
    let Some(Ok(phc)) = phc.map(PasswordHash::new) else {
        let hashed: Result<PasswordHash, _> = Argon2::default().hash_password_with_salt(password.as_bytes(), &[0; 16]);
        // The work must be done and its result must not matter.
        std::hint::black_box(hashed.is_ok());
        return false;
    };
    Argon2::default().verify_password(password.as_bytes(), &phc).is_ok()
}

/// A password that may take the place of the one the user had when this was asked.
pub struct NewPassword {
    pub phc: String,
    /// What it replaces: the change compares it, so that of two changes at once only one happens.
    pub was: String,
}

impl Ctx {
    /// Checks that the caller may give this user a new password, and hashes it: one batch before the one that writes.
    /// `current`, where given, must be the present password.
    pub async fn new_password(&self, user: Id, new: &str, current: Option<&str>) -> Result<NewPassword, Error> {
        let (scope, mut batch) = self.writing()?;
        let tally = batch.push(limits::tally(scope, &format!("password:{}", scope.me), WINDOW_MS));
        batch.extend(store::list::writable(&store::users::USERS, scope, user));
        let held = batch.push(store::users::password(scope, user));
        let outcome = batch.run(&*self.cx.ports.sql).await?;
        limits::within(outcome.rows(tally), CHANGES, scope.now)?;
        let was = outcome.rows(held).first().and_then(|row| row.text("password"));
        let was = was.ok_or_else(|| NOT_FOUND.error())?;
        if current.is_some_and(|current| !verify(Some(was), current)) {
            return Err(WRONG_PASSWORD.on("current_password"));
        }
        Ok(NewPassword { phc: hash(&self.cx, new)?, was: was.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_as_promised() {
        let phc: PasswordHash = Argon2::default().hash_password_with_salt(b"password", b"somesalt-16bytes").unwrap();
        let text = phc.to_string();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQtMTZieXRlcw$"), "{text}");
        assert!(verify(Some(&text), "password"));
        for (phc, password) in
            [(Some(text.as_str()), "Password"), (Some(text.as_str()), ""), (Some("-"), "-"), (None, "")]
        {
            assert!(!verify(phc, password), "{phc:?} {password}");
        }
    }
}
