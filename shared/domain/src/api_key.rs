//! The text of API keys, and their scopes. A key is `sk-{user id, hex}-{48 hex digits}`. It holds its user, so that a
//! request names the caller before the database is asked; only the database knows whether that is true.
//!
//! The digits are an HMAC of a fresh nonce under a key of the deployment. A repeated creation derives the same text
//! from the stored nonce, which is useless without the deployment's key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Id;
use crate::id::{MAX_ID, hex};

/// The scope that a request needs of an API key. Sessions may do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads: GET, HEAD, sockets, event streams.
    Read,
    /// Writes that draw, and so spend points: tasks, and uploads for them.
    Tasks,
    /// All other writes.
    Write,
}

impl Access {
    /// Every scope.
    pub const ALL: [Access; 3] = [Access::Read, Access::Tasks, Access::Write];

    /// The scopes as choices of a form.
    pub const CHOICES: crate::Choices = &[("read", &[]), ("tasks", &[]), ("write", &[])];

    /// The name of the scope.
    pub const fn name(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Tasks => "tasks",
            Access::Write => "write",
        }
    }
}

/// The prefix that distinguishes a key from a JWT.
pub const MARK: &str = "sk-";
/// 192 bits.
const SECRET_BYTES: usize = 24;
/// The number of the secret's digits that are shown, to tell keys apart.
const SHOWN: usize = 6;

/// The text of a user's key. `server_key` is a secret of the deployment, `nonce` fresh randomness of 256 bits.
pub fn text(server_key: &[u8], user: Id, nonce: &str) -> String {
    let tag = Hmac::<Sha256>::new_from_slice(server_key).map(|mut mac| {
        mac.update(format!("api-key:{user}:{nonce}").as_bytes());
        mac.finalize().into_bytes()
    });
    // HMAC takes keys of any length, so there is always a tag; without one the text is no key.
    let secret = tag.as_ref().ok().and_then(|tag| tag.get(..SECRET_BYTES)).map(hex).unwrap_or_default();
    format!("{MARK}{user:x}-{secret}")
}

/// The user that a text names; None unless it has the form of a key.
pub fn owner(text: &str) -> Option<Id> {
    let (user, secret) = text.strip_prefix(MARK)?.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if secret.len() != 2 * SECRET_BYTES || !digits(secret) || !digits(user) {
        return None;
    }
    Id::from_str_radix(user, 16).ok().filter(|id| (1..=MAX_ID).contains(id))
}

/// The part of a key that may be shown.
pub fn prefix(text: &str) -> &str {
    let hidden = 2 * SECRET_BYTES - SHOWN;
    text.len().checked_sub(hidden).and_then(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digits are Python's `hmac.digest(b'k' * 64, b'api-key:255:n', 'sha256')[:24].hex()`.
    const KEY: &str = "sk-ff-87ea5912bae90a7d9b0e6cfa60b6d51eccf2007ba381858b";

    #[test]
    fn made_and_read_again() {
        let key = text(&[b'k'; 64], 255, "n");
        assert_eq!(key, KEY);
        assert_eq!(owner(&key), Some(255));
        assert_eq!(prefix(&key), &KEY[..12]);
        assert_eq!(owner(&text(&[b'k'; 64], MAX_ID, "n")), Some(MAX_ID));
    }

    #[test]
    fn another_user_nonce_or_server_is_another_key() {
        for other in [text(&[b'k'; 64], 254, "n"), text(&[b'k'; 64], 255, "m"), text(&[b'j'; 64], 255, "n")] {
            assert_ne!(other.rsplit('-').next(), KEY.rsplit('-').next());
        }
    }

    #[test]
    fn only_the_text_of_a_key_names_a_user() {
        let secret = "0".repeat(48);
        for bad in [
            "".to_string(),
            "sk-".into(),
            "sk--".into(),
            "sk-1".into(),
            "sk-1-".into(),
            format!("sk--{secret}"),
            format!("sk-0-{secret}"),
            format!("sk-+1-{secret}"),
            format!("sk-1-{secret}0"),
            format!("sk-1-{}", "A".repeat(48)),
            format!("sk-1-{}", "é".repeat(24)),
            format!("sk-20000000000000-{secret}"),
            format!("sk-{}-{secret}", "f".repeat(40)),
            format!("SK-1-{secret}"),
        ] {
            assert_eq!(owner(&bad), None, "{bad}");
        }
        assert_eq!(owner(&format!("sk-1-{secret}")), Some(1));
        assert_eq!((prefix("é"), prefix("")), ("", ""));
    }

    #[test]
    fn the_choices_are_the_names() {
        let names: Vec<&str> = Access::CHOICES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, Access::ALL.map(Access::name));
    }
}
