//! Standard Webhooks signatures (standardwebhooks.com, spec 1.0): HMAC-SHA256 over `id.timestamp.body`, sent as
//! `webhook-signature: v1,<base64>`. The platform uses them for its runners' callbacks in, and events out.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A timestamp further from now than this, in seconds, is refused (the specification's suggestion).
pub const TOLERANCE: i64 = 300;

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
