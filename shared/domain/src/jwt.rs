//! JSON Web Tokens (RFC 7515, 7519) with HS512 (RFC 7518 §3.2), the one algorithm there is here: a token naming
//! another is no token. What the claims mean is for the caller to check.
//!
//! A library for this was 18 KiB of every function: one algorithm is a page of code over the HMAC we have anyway.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use sha2::Sha512;

/// Longer texts are not looked at.
const MAX_TOKEN: usize = 2048;
/// Shorter keys neither sign nor verify.
const MIN_KEY: usize = 32;

#[derive(Serialize, Deserialize)]
struct Header<'a> {
    alg: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typ: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    /// Extensions that must be understood (RFC 7515 §4.1.11); we understand none.
    #[serde(default, skip_serializing)]
    crit: Option<IgnoredAny>,
}

/// The token of `claims` under the key named `kid`. None when the key is too short.
pub fn sign(kid: &str, key: &[u8], claims: &impl Serialize) -> Option<String> {
    let header = Header { alg: "HS512", typ: Some("JWT"), kid: Some(kid), crit: None };
    let part = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
    let signed = format!("{}.{}", part(serde_json::to_vec(&header).ok()?), part(serde_json::to_vec(claims).ok()?));
    let tag = mac(key, &signed)?.finalize().into_bytes();
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)))
}

/// The claims of a token signed with the key that `find` gives for its `kid`. The signature is compared in the same
/// time wherever it differs, and nothing but the header is read before.
pub fn verify<'k, C: DeserializeOwned>(token: &str, find: impl FnOnce(&str) -> Option<&'k [u8]>) -> Option<C> {
    if token.len() > MAX_TOKEN {
        return None;
    }
    let (signed, tag) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    if header.alg != "HS512" || header.crit.is_some() {
        return None;
    }
    let key = find(header.kid.unwrap_or_default())?;
    mac(key, signed)?.verify_slice(&URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn mac(key: &[u8], signed: &str) -> Option<Hmac<Sha512>> {
    if key.len() < MIN_KEY {
        return None;
    }
    let mut mac = Hmac::<Sha512>::new_from_slice(key).ok()?;
    mac.update(signed.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const KEY: &[u8] = &[b'k'; 64];
    /// Made with Python's `hmac` and `hashlib`: kid `a`, key `k` × 64, claims `{"sub":"7"}`.
    const FOREIGN: &str = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCIsImtpZCI6ImEifQ.eyJzdWIiOiI3In0.\
                           n3ZTxAbAoZp88ukqZMj-sLHaSN1KnblO6JXJxoSXfa3LOVilJ5z02JIiIfj9S0KiNxWO4cHiAXG8NCFBJ-PQfQ";

    fn open(token: &str) -> Option<Value> {
        verify(token, |kid| (kid == "a").then_some(KEY))
    }

    /// A token with any header, rightly signed.
    fn with_header(header: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(r#"{"sub":"7"}"#));
        let tag = mac(KEY, &signed).unwrap().finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    #[test]
    fn agrees_with_another_implementation() {
        assert_eq!(sign("a", KEY, &json!({"sub": "7"})).unwrap(), FOREIGN);
        assert_eq!(open(FOREIGN), Some(json!({"sub": "7"})));
    }

    #[test]
    fn one_changed_character_anywhere_is_refused() {
        for at in 0..FOREIGN.len() {
            let mut bytes = FOREIGN.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(&String::from_utf8(bytes).unwrap()), None, "at {at}");
        }
        assert_eq!(open(&FOREIGN[..FOREIGN.len() - 1]), None);
        assert_eq!(open(&format!("{FOREIGN}.")), None);
        assert_eq!(open(&format!("{FOREIGN}=")), None);
    }

    #[test]
    fn only_hs512_without_extensions_under_a_known_key() {
        assert!(open(&with_header(r#"{"alg":"HS512","kid":"a","x5t":"ignored"}"#)).is_some());
        for header in [
            r#"{"alg":"none","kid":"a"}"#,
            r#"{"alg":"HS256","kid":"a"}"#,
            r#"{"alg":"hs512","kid":"a"}"#,
            r#"{"alg":"HS512","kid":"b"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"kid":"a"}"#,
            r#"{"alg":"HS512","kid":"a","crit":["exp"]}"#,
            r#"{"alg":"HS512","kid":7}"#,
            "[]",
            "",
        ] {
            assert_eq!(open(&with_header(header)), None, "{header}");
        }
    }

    #[test]
    fn nonsense_and_weak_keys_are_refused() {
        for token in ["", ".", "..", "a.b.c", "é.é.é", &"a.".repeat(2000), &"A".repeat(4000)] {
            assert_eq!(open(token), None, "{token:.20}");
        }
        let short = &KEY[..MIN_KEY - 1];
        assert_eq!(sign("a", short, &json!({})), None);
        assert_eq!(verify::<Value>(FOREIGN, |_| Some(short)), None);
    }
}
