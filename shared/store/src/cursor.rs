//! Opaque cursors: where a list was left, as base64url of `[sort, key value, id]`. A cursor is a hint from outside
//! like any other: it is checked, and its values are only ever bound.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ports::Value;

/// `position` is the `[value, id]` array the database built of the last row.
pub fn encode(sort: &str, position: &str) -> String {
    let body = position.strip_prefix('[').unwrap_or(position);
    URL_SAFE_NO_PAD.encode(format!("[\"{sort}\",{body}"))
}

/// The sort value and the key of the last row seen, if the cursor belongs to this sort.
pub fn decode(sort: &str, text: &str) -> Option<(Value, Value)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let parts: Vec<serde_json::Value> = serde_json::from_slice(&bytes).ok()?;
    match parts.as_slice() {
        [name, value, key] if name == sort => Some((bound(value)?, bound(key)?)),
        _ => None,
    }
}

fn bound(value: &serde_json::Value) -> Option<Value> {
    match value {
        serde_json::Value::String(text) => Some(Value::Text(text.clone())),
        serde_json::Value::Number(n) => n.as_i64().map(Value::Int).or_else(|| n.as_f64().map(Value::Real)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_cursors_decode() {
        let cursor = encode("createdAt", "[1700000000000,42]");
        assert_eq!(decode("createdAt", &cursor), Some((Value::Int(1_700_000_000_000), Value::Int(42))));
        assert_eq!(decode("hot", &cursor), None);
        for bad in ["", "!!", "e30", "bnVsbA", &encode("createdAt", "[[1],2]"), &encode("createdAt", "[1]")] {
            assert_eq!(decode("createdAt", bad), None, "{bad}");
        }
    }
}
