//! Standard Webhooks signatures (standardwebhooks.com, spec 1.0): HMAC-SHA256 over `id.timestamp.body`, sent as
//! `webhook-signature: v1,<base64>`. The platform uses them for its runners' callbacks in, and events out.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A timestamp further from now than this, in seconds, is refused (the specification's suggestion).
pub const TOLERANCE: i64 = 300;

/// What a webhook can be told about.
pub const EVENTS: &[(&str, &[&str])] = &[
    ("task.created", &[]),
    ("task.started", &[]),
    ("task.succeeded", &[]),
    ("task.failed", &[]),
    ("task.canceled", &[]),
    ("model.ready", &[]),
];

/// Milliseconds from a failed try to the next (the specification's suggestion): 10 tries over 75 hours.
pub const PAUSES: [i64; 9] = [
    5_000,
    5 * MINUTE,
    30 * MINUTE,
    120 * MINUTE,
    300 * MINUTE,
    600 * MINUTE,
    840 * MINUTE,
    1_200 * MINUTE,
    1_440 * MINUTE,
];

/// Tries of one delivery, before it has failed.
pub const TRIES: i64 = PAUSES.len() as i64 + 1;

const MINUTE: i64 = 60_000;

/// Milliseconds to wait after so many failed tries, up to a tenth longer by `salt`, so that what failed together does
/// not come back together. None when it was the last try.
pub fn pause(tries: i64, salt: i64) -> Option<i64> {
    let pause = PAUSES.get(usize::try_from(tries).ok()?.checked_sub(1)?)?;
    Some(pause + pause / 1000 * salt.wrapping_mul(7_919).rem_euclid(100))
}

/// Which secret an endpoint's deliveries are signed with; the version counts its rotations.
pub fn delivery_purpose(webhook: crate::Id, version: i64) -> String {
    format!("webhook:{webhook}:{version}")
}

/// How long a secret goes on signing beside the one that replaced it, in milliseconds.
pub const OVERLAP: i64 = 24 * 60 * MINUTE;

/// A signing secret; `whsec_` + base64 in text form.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub fn from_bytes(bytes: &[u8]) -> Secret {
        Secret(bytes.to_vec())
    }

    pub fn parse(text: &str) -> Option<Secret> {
        STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok().filter(|k| k.len() >= 16).map(Secret)
    }

    pub fn text(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&self.0))
    }

    /// The value of `webhook-signature`; `timestamp` in seconds.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let tag = self.mac(id, timestamp, body).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
        format!("v1,{}", STANDARD.encode(tag))
    }

    /// True when one of the space-separated signatures fits. The comparison takes the same time wherever it differs.
    pub fn verify(&self, id: &str, timestamp: i64, body: &[u8], signatures: &str) -> bool {
        signatures.split(' ').filter_map(|s| STANDARD.decode(s.strip_prefix("v1,")?).ok()).any(|tag| {
            // HMAC takes keys of any length, so `mac` is always there; without one nothing verifies.
            self.mac(id, timestamp, body).is_some_and(|mac| mac.verify_slice(&tag).is_ok())
        })
    }

    fn mac(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(mac)
    }
}

/// A secret derived from a key and a purpose, so that nothing secret needs to be stored per runner.
pub fn derive(key: &[u8], purpose: &str) -> Secret {
    let bytes = Hmac::<Sha256>::new_from_slice(key).map(|mut mac| {
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().to_vec()
    });
    Secret(bytes.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own reference libraries.
    #[test]
    fn the_reference_example() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn ten_tries_over_three_days() {
        assert_eq!(pause(1, 0), Some(5_000));
        assert!((75 * 60 * MINUTE..77 * 60 * MINUTE).contains(&PAUSES.iter().sum()));
        for (tries, pause_ms) in (1..).zip(PAUSES) {
            for salt in [0, 1, 99, -1, i64::MAX, i64::MIN] {
                let pause = pause(tries, salt).unwrap();
                assert!(pause >= pause_ms && pause <= pause_ms + pause_ms / 10, "{tries} {salt}");
            }
        }
        assert_eq!((pause(10, 0), pause(0, 0), pause(-1, 0)), (None, None, None));
    }

    #[test]
    fn any_change_breaks_it() {
        let secret = derive(b"key", "runner 1");
        let good = secret.sign("a", 1, b"body");
        assert!(secret.verify("a", 1, b"body", &format!("v1,AAAA v2,x {good}")));
        assert!(!secret.verify("b", 1, b"body", &good));
        assert!(!secret.verify("a", 2, b"body", &good));
        assert!(!secret.verify("a", 1, b"bodY", &good));
        assert!(!derive(b"key", "runner 2").verify("a", 1, b"body", &good));
        assert!(!secret.verify("a", 1, b"body", "") && !secret.verify("a", 1, b"body", "v1,"));
    }
}
