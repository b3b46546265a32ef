//! Numbers of points tasks: `TASK-20251026153045123-4567`, the time of submission in Shanghai to the millisecond, and
//! four random digits. The database keeps them unique.

use crate::Millis;

/// Milliseconds that Shanghai is ahead of UTC. It has had no summer time since 1991.
pub const SHANGHAI_MS: i64 = 8 * 60 * 60 * 1000;

/// The number of a task submitted now.
pub fn number(now: Millis, random: u32) -> String {
    let digits: String = now.plus(SHANGHAI_MS).rfc3339().chars().filter(char::is_ascii_digit).collect();
    format!("TASK-{digits}-{:04}", random % 10_000)
}

/// True for a text with the form of a number.
pub fn is_number(text: &str) -> bool {
    let digits = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
    let parts = text.strip_prefix("TASK-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(time, random)| digits(time, 17) && digits(random, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_the_time_in_shanghai() {
        let now = Millis::parse_rfc3339("2025-10-26T17:30:45.123Z").unwrap();
        assert_eq!(number(now, 4_294_964_567), "TASK-20251027013045123-4567");
        assert_eq!(number(now, 7), "TASK-20251027013045123-0007");
    }

    #[test]
    fn only_such_texts_are_numbers() {
        assert!(is_number(&number(Millis(0), 0)));
        for bad in [
            "",
            "TASK-",
            "TASK-20251027013045123",
            "TASK-2025102701304512-04567",
            "TASK-20251027013045123-456",
            "TASK-20251027013045123-45678",
            "task-20251027013045123-4567",
            "TASK-20251027013045123-456x",
            "TASK-２0251027013045123-4567",
            " TASK-20251027013045123-4567",
        ] {
            assert!(!is_number(bad), "{bad}");
        }
    }
}
