//! Standard Webhooks 1.0 (standardwebhooks.com): signatures, events and the schedule of retries. A signature is
//! HMAC-SHA256 over `id.timestamp.body`, sent as `webhook-signature: v1,<base64>`. Runners' callbacks carry the same.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Seconds a timestamp may differ from now (the specification's suggestion).
pub const TOLERANCE: i64 = 300;

/// The events a webhook can subscribe to.
pub const EVENTS: domain::Choices = &[
    ("task.created", &[]),
    ("task.started", &[]),
    ("task.succeeded", &[]),
    ("task.failed", &[]),
    ("task.canceled", &[]),
    ("model.ready", &[]),
];

/// Milliseconds from a failed try to the next (the specification's suggestion): 10 tries over 75 hours.
pub const RETRY_DELAYS: [i64; 9] = [
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

/// The number of tries after which a delivery has failed.
pub const TRIES: i64 = RETRY_DELAYS.len() as i64 + 1;

const MINUTE: i64 = 60_000;

/// Milliseconds to wait after `tries` failed tries, up to a tenth longer by `salt`, so that deliveries that failed
/// together do not come back together. None after the last try.
pub fn retry_delay(tries: i64, salt: i64) -> Option<i64> {
    let delay = RETRY_DELAYS.get(usize::try_from(tries).ok()?.checked_sub(1)?)?;
    Some(delay + delay / 1000 * salt.wrapping_mul(7_919).rem_euclid(100))
}

/// The purpose a webhook's secret is derived for; the version counts its rotations.
pub fn delivery_purpose(webhook: domain::Id, version: i64) -> String {
    format!("webhook:{webhook}:{version}")
}

/// Milliseconds a secret keeps signing beside its replacement.
pub const ROTATION_OVERLAP_MS: i64 = 24 * 60 * MINUTE;

/// A signing secret; its text is `whsec_` + base64.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The secret of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Secret {
        Secret(bytes.to_vec())
    }

    /// The secret of a text; None when it has fewer than 16 bytes.
    pub fn parse(text: &str) -> Option<Secret> {
        STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok().filter(|k| k.len() >= 16).map(Secret)
    }

    /// Its text.
    pub fn text(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&self.0))
    }

    /// The value of `webhook-signature`; `timestamp` in seconds.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let tag = self.mac(id, timestamp, body).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
        format!("v1,{}", STANDARD.encode(tag))
    }

    /// True when one of the space-separated signatures is valid. The comparison takes constant time.
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

/// Derives a secret from a key and a purpose, so that no secret has to be stored.
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
        assert_eq!(retry_delay(1, 0), Some(5_000));
        assert!((75 * 60 * MINUTE..77 * 60 * MINUTE).contains(&RETRY_DELAYS.iter().sum()));
        for (tries, delay_ms) in (1..).zip(RETRY_DELAYS) {
            for salt in [0, 1, 99, -1, i64::MAX, i64::MIN] {
                let delay = retry_delay(tries, salt).unwrap();
                assert!(delay >= delay_ms && delay <= delay_ms + delay_ms / 10, "{tries} {salt}");
            }
        }
        assert_eq!((retry_delay(10, 0), retry_delay(0, 0), retry_delay(-1, 0)), (None, None, None));
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
