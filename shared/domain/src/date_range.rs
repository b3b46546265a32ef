//! The `date` filter of lists: `20220214+` from then on, `20220214-` before then, `2022~2023` between, both ends whole
//! units. A date is YYYY, YYYYMM or YYYYMMDD, in UTC.

use chrono::{Datelike, Months, NaiveDate, NaiveTime};

use crate::Millis;

/// Half-open: `from <= t < until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DateRange {
    /// The first moment; None has no lower bound.
    pub from: Option<Millis>,
    /// The first moment after; None has no upper bound.
    pub until: Option<Millis>,
}

impl DateRange {
    /// Reads a filter; None when it is malformed. In a query string `+` decodes to a space, so a trailing space means
    /// `+`.
    pub fn parse(text: &str) -> Option<DateRange> {
        if let Some((a, b)) = text.split_once('~') {
            let (from, until) = (Unit::parse(a)?.start()?, Unit::parse(b)?.end()?);
            return (from < until).then_some(DateRange { from: Some(from), until: Some(until) });
        }
        if let Some(day) = text.strip_suffix(['+', ' ']) {
            return Some(DateRange { from: Some(Unit::parse(day)?.start()?), until: None });
        }
        if let Some(day) = text.strip_suffix('-') {
            return Some(DateRange { from: None, until: Some(Unit::parse(day)?.start()?) });
        }
        let unit = Unit::parse(text)?;
        Some(DateRange { from: Some(unit.start()?), until: Some(unit.end()?) })
    }
}

struct Unit {
    year: i32,
    month: Option<u32>,
    day: Option<u32>,
}

impl Unit {
    fn parse(text: &str) -> Option<Unit> {
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let year = text.get(..4)?.parse().ok()?;
        let month = || text.get(4..6)?.parse().ok();
        let day = || text.get(6..8)?.parse().ok();
        match text.len() {
            4 => Some(Unit { year, month: None, day: None }),
            6 => Some(Unit { year, month: Some(month()?), day: None }),
            8 => Some(Unit { year, month: Some(month()?), day: Some(day()?) }),
            _ => None,
        }
    }

    fn first_day(&self) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1))
    }

    fn start(&self) -> Option<Millis> {
        Some(midnight(self.first_day()?))
    }

    /// The first moment after the unit. None after the year 9999.
    fn end(&self) -> Option<Millis> {
        let first = self.first_day()?;
        let next = match (self.month, self.day) {
            (_, Some(_)) => first.succ_opt()?,
            (Some(_), None) => first.checked_add_months(Months::new(1))?,
            (None, None) => first.checked_add_months(Months::new(12))?,
        };
        (next.year() <= 9999).then(|| midnight(next))
    }
}

fn midnight(date: NaiveDate) -> Millis {
    Millis(date.and_time(NaiveTime::MIN).and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str) -> Option<(String, String)> {
        let show = |t: Option<Millis>| t.map(|t| t.rfc3339()[..10].to_string()).unwrap_or_default();
        DateRange::parse(text).map(|r| (show(r.from), show(r.until)))
    }

    #[test]
    fn whole_units() {
        for (text, from, until) in [
            ("20220214+", "2022-02-14", ""),
            ("20220214 ", "2022-02-14", ""),
            ("20220214-", "", "2022-02-14"),
            ("2022~2023", "2022-01-01", "2024-01-01"),
            ("202212~20230102", "2022-12-01", "2023-01-03"),
            ("202202", "2022-02-01", "2022-03-01"),
            ("20240229", "2024-02-29", "2024-03-01"),
            ("20231231", "2023-12-31", "2024-01-01"),
            ("202312", "2023-12-01", "2024-01-01"),
            ("0000", "0000-01-01", "0001-01-01"),
            ("9998", "9998-01-01", "9999-01-01"),
            ("9999+", "9999-01-01", ""),
            ("99991231-", "", "9999-12-31"),
        ] {
            assert_eq!(days(text), Some((from.into(), until.into())), "{text}");
        }
        for bad in [
            "",
            "+",
            "~",
            "20220230+",
            "20221301",
            "20220001",
            "202200",
            "20220100",
            "2023~2022",
            "2022-02-14",
            "202",
            "20220",
            "2022021",
            "99999999",
            "9999",
            "999912",
            "99991231",
            "二〇二二",
        ] {
            assert_eq!(days(bad), None, "{bad}");
        }
    }
}
