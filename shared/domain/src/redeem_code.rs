//! The text of redeem codes: five groups of four digits of Crockford's base32 (crockford.com/base32.html), 100 bits.
//!
//! As with API keys the digits are an HMAC of a fresh nonce under a key of the deployment. A repeated creation derives
//! the same codes from the stored nonce.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 20;
const GROUP: usize = 4;

/// The digits of a code without hyphens, as they are hashed. `server_key` is a secret of the deployment, `nonce` fresh
/// randomness of 256 bits, `number` distinguishes the codes of one creation.
pub fn digits(server_key: &[u8], nonce: &str, number: usize) -> String {
    let tag = Hmac::<Sha256>::new_from_slice(server_key).map(|mut mac| {
        mac.update(format!("redeem-code:{number}:{nonce}").as_bytes());
        mac.finalize().into_bytes()
    });
    // HMAC takes keys of any length, so there is always a tag; without one the text is no code. Each byte gives the
    // five bits of one digit.
    let digit = |byte: &u8| DIGITS.get(usize::from(byte & 31)).copied().map(char::from);
    tag.iter().flatten().take(LENGTH).filter_map(digit).collect()
}

/// The digits in groups, for people: `7K3M-X2…`.
pub fn grouped(digits: &str) -> String {
    let group = |(i, c)| [(i > 0 && i % GROUP == 0).then_some('-'), Some(c)].into_iter().flatten();
    digits.chars().enumerate().flat_map(group).collect()
}

/// The first group, which may be shown: it gives 20 of 100 bits away.
pub fn prefix(digits: &str) -> &str {
    digits.get(..GROUP).unwrap_or_default()
}

/// Reads a code as people type it: in either case, with or without hyphens and spaces, O for 0, I and L for 1. None
/// when it cannot be a code.
pub fn read(text: &str) -> Option<String> {
    if text.len() > 100 {
        return None;
    }
    let kept = text.chars().filter(|c| !matches!(c, '-' | ' '));
    let digits: String = kept
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    (digits.len() == LENGTH && digits.bytes().all(|b| DIGITS.contains(&b))).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python: `''.join(D[b & 31] for b in hmac.digest(b'k' * 64, b'redeem-code:3:n', 'sha256')[:20])`.
    const CODE: &str = "NNGKHSAJX0BS28XM9KYF";

    #[test]
    fn made_shown_and_read_again() {
        let made = digits(&[b'k'; 64], "n", 3);
        assert_eq!(made, CODE);
        let shown = grouped(&made);
        assert_eq!((shown.len(), shown.split('-').count(), prefix(&made)), (24, 5, &shown[..4]));
        for typed in [shown.clone(), shown.to_lowercase(), made.clone(), format!(" {} ", shown.replace('-', " "))] {
            assert_eq!(read(&typed), Some(made.clone()), "{typed}");
        }
    }

    #[test]
    fn another_number_nonce_or_server_is_another_code() {
        for other in [digits(&[b'k'; 64], "n", 4), digits(&[b'k'; 64], "m", 3), digits(&[b'j'; 64], "n", 3)] {
            assert_ne!(other, CODE);
        }
    }

    #[test]
    fn letters_that_look_like_digits_are_digits() {
        assert_eq!(read("oOiIlL-0011-0011-0011-00"), Some("00111100110011001100".into()));
    }

    #[test]
    fn what_cannot_be_a_code() {
        let twenty = "0".repeat(20);
        let bad = ["", "-", "0", "UUUUUUUUUUUUUUUUUUUU", "éééééééééé", "０００００００００００００００００００００"];
        for bad in
            bad.map(str::to_string).into_iter().chain([twenty.clone() + "0", "0".repeat(19), " ".repeat(101) + &twenty])
        {
            assert_eq!(read(&bad), None, "{bad}");
        }
        assert_eq!(read(&twenty), Some(twenty.clone()));
        assert_eq!((grouped(""), prefix("é")), (String::new(), ""));
    }
}
