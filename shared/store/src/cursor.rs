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
    let text = std::str::from_utf8(&bytes).ok()?;
    let parts: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
    match parts.as_slice() {
        [name, value, key] if name == sort => Some((bound(value).or_else(|| real(sort, text))?, bound(key)?)),
        _ => None,
    }
}

fn bound(value: &serde_json::Value) -> Option<Value> {
    match value {
        serde_json::Value::String(text) => Some(Value::Text(text.clone())),
        serde_json::Value::Number(n) => n.as_i64().map(Value::Int),
        _ => None,
    }
}

/// The sort value as the digits that the database wrote. A column of type REAL is compared with the number they stand
/// for, which is then exactly the row's: `serde_json` is off by the last bit, so that pages would repeat or miss rows.
fn real(sort: &str, text: &str) -> Option<Value> {
    let (digits, _) = text.strip_prefix(&format!("[\"{sort}\","))?.split_once(',')?;
    let is_number = digits.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    is_number.then(|| Value::Text(digits.to_string()))
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

    #[test]
    fn real_numbers_keep_all_their_digits() {
        for digits in ["80646297386124.953", "1.0715086071862673e+301", "0.5", "-2.5"] {
            let decoded = decode("hot", &encode("hot", &format!("[{digits},42]")));
            assert_eq!(decoded, Some((Value::Text(digits.into()), Value::Int(42))));
        }
        for bad in ["[true,1]", "[{},1]", "[null,1]", "[0.5,0.5]"] {
            assert_eq!(decode("hot", &encode("hot", bad)), None, "{bad}");
        }
    }
}
