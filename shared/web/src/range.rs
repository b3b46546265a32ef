//! The `Range` header (RFC 9110 §14). One range is served. Several ranges, and malformed headers, get the whole object.

use ports::Range;

/// The bytes that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The whole object.
    Whole,
    /// These bytes.
    Part(Range),
    /// No byte of the object: 416.
    Outside,
}

/// Reads the header for an object of `size` bytes.
pub fn parse(header: &str, size: u64) -> Wanted {
    wanted(header, size).unwrap_or(Wanted::Whole)
}

fn wanted(header: &str, size: u64) -> Option<Wanted> {
    let (unit, range) = header.split_once('=')?;
    let (first, last) = range.trim().split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes"))?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // A number too large for u64 is a position beyond every object.
    let number = |text: &str| digits(text).then(|| text.parse().unwrap_or(u64::MAX));
    let (first, last) = match (first, last) {
        ("", last) => match number(last)? {
            0 => return Some(Wanted::Outside),
            count => (size.saturating_sub(count), u64::MAX),
        },
        (first, "") => (number(first)?, u64::MAX),
        (first, last) => (number(first)?, number(last)?),
    };
    if first > last {
        return None;
    }
    Some(match size.checked_sub(1) {
        Some(end) if first <= end => Wanted::Part(Range { first, last: last.min(end) }),
        _ => Wanted::Outside,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read_and_anything_else_is_the_whole() {
        let part = |first, last| Wanted::Part(Range { first, last });
        for (header, size, expected) in [
            ("bytes=0-0", 10, part(0, 0)),
            ("Bytes = 2-5", 10, part(2, 5)),
            ("bytes=2-", 10, part(2, 9)),
            ("bytes=2-99999999999999999999999", 10, part(2, 9)),
            ("bytes=-3", 10, part(7, 9)),
            ("bytes=-30", 10, part(0, 9)),
            ("bytes=10-", 10, Wanted::Outside),
            ("bytes=99999999999999999999999-", 10, Wanted::Outside),
            ("bytes=-0", 10, Wanted::Outside),
            ("bytes=0-", 0, Wanted::Outside),
            ("bytes=5-2", 10, Wanted::Whole),
            ("bytes=0-1,3-4", 10, Wanted::Whole),
            ("lines=0-1", 10, Wanted::Whole),
            ("bytes=--1", 10, Wanted::Whole),
            ("bytes=+1-2", 10, Wanted::Whole),
            ("bytes=-", 10, Wanted::Whole),
            ("", 10, Wanted::Whole),
        ] {
            assert_eq!(parse(header, size), expected, "{header}");
        }
    }
}
