//! Points in time, as the database and the wire hold them: milliseconds since 1970 UTC; RFC 3339 for people.

use time::{OffsetDateTime, UtcDateTime, format_description::well_known::Rfc3339};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl Millis {
    pub fn plus(self, milliseconds: i64) -> Millis {
        Millis(self.0.saturating_add(milliseconds))
    }

    /// Whole seconds, for JWT claims and webhook timestamps.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// `2026-11-20T10:46:37.123Z`; what `strftime('%Y-%m-%dT%H:%M:%fZ')` of the database gives.
    pub fn rfc3339(self) -> String {
        let nanos = i128::from(self.0) * 1_000_000;
        let Ok(t) = UtcDateTime::from_unix_timestamp_nanos(nanos) else { return String::new() };
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.millisecond()
        )
    }

    pub fn parse_rfc3339(text: &str) -> Option<Millis> {
        let t = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(t.unix_timestamp_nanos() / 1_000_000).ok().map(Millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let t = Millis(1_792_483_200_123);
        assert_eq!(t.rfc3339(), "2026-10-20T08:00:00.123Z");
        assert_eq!(Millis::parse_rfc3339(&t.rfc3339()), Some(t));
        assert_eq!(Millis::parse_rfc3339("yesterday"), None);
    }
}
