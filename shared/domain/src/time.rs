//! Points in time, as the database and the wire hold them: milliseconds since 1970 UTC; RFC 3339 for people.

use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, Timelike};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl Millis {
    /// So many milliseconds later, at most the end of time.
    pub fn plus(self, milliseconds: i64) -> Millis {
        Millis(self.0.saturating_add(milliseconds))
    }

    /// Whole seconds, for JWT claims and webhook timestamps.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// `2026-11-20T10:46:37.123Z`; what `strftime('%Y-%m-%dT%H:%M:%fZ')` of the database gives. Empty outside the
    /// years 0 to 9999, which are all that RFC 3339 has.
    pub fn rfc3339(self) -> String {
        let time = DateTime::from_timestamp_millis(self.0).filter(|time| (0..=9999).contains(&time.year()));
        time.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true)).unwrap_or_default()
    }

    /// Reads an RFC 3339 time with any offset. Digits beyond milliseconds are cut off, towards 1970.
    ///
    /// A leap second counts as the last nanosecond before it, and stands only where one can be: at the end of a
    /// month, UTC.
    pub fn parse_rfc3339(text: &str) -> Option<Millis> {
        // RFC 3339 is ASCII; chrono would take U+2212 for a minus sign.
        let time = text.is_ascii().then(|| DateTime::parse_from_rfc3339(text).ok())??.naive_utc();
        // chrono counts a leap second as nanoseconds beyond those of the second before it.
        let nanos = time.nanosecond().min(LAST_NANO);
        if nanos < time.nanosecond() && !may_be_leap(time) {
            return None;
        }
        let floor = time.and_utc().timestamp() * 1000 + i64::from(nanos / 1_000_000);
        let cut_off = nanos % 1_000_000 != 0;
        Some(Millis(if floor < 0 && cut_off { floor + 1 } else { floor }))
    }
}

/// The last nanosecond of a second.
const LAST_NANO: u32 = 999_999_999;

/// Reports whether the minute may have 61 seconds: the last one of a month.
fn may_be_leap(time: NaiveDateTime) -> bool {
    let last_day = time.date().succ_opt().is_some_and(|next| next.day() == 1);
    last_day && time.hour() == 23 && time.minute() == 59
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

    #[test]
    fn formats_milliseconds_of_the_years_0_to_9999() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_709_164_800_007, "2024-02-29T00:00:00.007Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, ""),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, ""),
            (i64::MAX, ""),
            (i64::MIN, ""),
        ] {
            assert_eq!(Millis(millis).rfc3339(), text, "{millis}");
        }
    }

    #[test]
    fn reads_offsets_fractions_and_leap_seconds() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:00z", 0),
            ("1970-01-01 00:00:00-00:00", 0),
            ("1970-01-01T00:00:00.5Z", 500),
            ("1970-01-01T00:00:00.1239999999999Z", 123),
            ("1969-12-31T23:59:59.9995Z", 0),
            ("1969-12-31T23:59:58.9995Z", -1000),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2024-02-29T08:00:00+08:00", 1_709_164_800_000),
            ("2024-02-28T19:30:00-04:30", 1_709_164_800_000),
            ("2016-12-31T23:59:60Z", 1_483_228_799_999),
            ("2017-01-01T07:59:60.25+08:00", 1_483_228_799_999),
            ("1960-12-31T23:59:60Z", -283_996_800_000),
            ("0000-01-01T00:00:00+23:59", -62_167_305_540_000),
            ("9999-12-31T23:59:59.999-23:59", 253_402_387_139_999),
        ] {
            assert_eq!(Millis::parse_rfc3339(text), Some(Millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_rfc3339() {
        for text in [
            "",
            "2024-02-29",
            "2024-02-29T08:00:00",
            "2024-02-29T08:00Z",
            "2024-02-29T08:00:00.Z",
            "2024-02-29T08:00:00,5Z",
            "2024-02-29T08:00:00+08",
            "2024-02-29T08:00:00+0800",
            "2024-02-29T08:00:00+24:00",
            "2024-02-29T08:00:00+08:60",
            "2024-02-29T08:00:00\u{2212}08:00",
            "2024-02-29T08:00:00Zx",
            " 2024-02-29T08:00:00Z",
            "2024-02-29T08:00:00 Z",
            "2024-02-29_08:00:00Z",
            "2023-02-29T08:00:00Z",
            "2024-00-29T08:00:00Z",
            "2024-13-29T08:00:00Z",
            "2024-02-29T24:00:00Z",
            "2024-02-29T08:60:00Z",
            "2024-02-29T08:00:61Z",
            "2024-02-29T08:00:60Z",
            "2024-02-28T23:59:60Z",
            "2016-12-31T23:59:60+08:00",
            "+2024-02-29T08:00:00Z",
            "02024-02-29T08:00:00Z",
            "２０２４-02-29T08:00:00Z",
        ] {
            assert_eq!(Millis::parse_rfc3339(text), None, "{text}");
        }
    }
}
