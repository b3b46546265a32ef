//! Row ids: whole numbers a JavaScript client can hold exactly. Secrets and link tokens: 128 random bits in hex.

/// A row id, 1..=2^53−1; 0 never names a row.
pub type Id = i64;

/// The largest integer every JSON client reads exactly.
pub const MAX_ID: i64 = (1 << 53) - 1;

/// Reads an id in digits, as in paths and query strings.
pub fn parse(text: &str) -> Option<Id> {
    if text.is_empty() || text.len() > 16 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|id| (1..=MAX_ID).contains(id))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// True for exactly 32 lower-case hex digits, the form of all our 128-bit tokens.
pub fn is_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_digits_in_range_are_ids() {
        assert_eq!(parse("1"), Some(1));
        assert_eq!(parse("9007199254740991"), Some(MAX_ID));
        for bad in ["", "0", "-1", "+1", "1.0", "9007199254740992", "99999999999999999999", "１", "1 ", "0x1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn tokens() {
        assert!(is_token(&hex(&[0xab; 16])));
        assert!(!is_token("AB"));
    }
}
