//! The `date` filter of lists: `20220214+` from then on, `20220214-` before then, `2022~2023` between, both ends whole
//! units. A date is YYYY, YYYYMM or YYYYMMDD, in UTC.

use time::{Date, Month, UtcDateTime};

use crate::Millis;

/// Half-open: `from <= t < until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DateRange {
    pub from: Option<Millis>,
    pub until: Option<Millis>,
}

impl DateRange {
    /// In a query string `+` decodes to a space, so a trailing space means `+`.
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
    month: Option<Month>,
    day: Option<u8>,
}

impl Unit {
    fn parse(text: &str) -> Option<Unit> {
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let month = |t: &str| Month::try_from(t.parse::<u8>().ok()?).ok();
        let year = text.get(0..4)?.parse().ok()?;
        match text.len() {
            4 => Some(Unit { year, month: None, day: None }),
            6 => Some(Unit { year, month: Some(month(&text[4..6])?), day: None }),
            8 => Some(Unit { year, month: Some(month(&text[4..6])?), day: Some(text[6..8].parse().ok()?) }),
            _ => None,
        }
    }

    fn first_day(&self) -> Option<Date> {
        Date::from_calendar_date(self.year, self.month.unwrap_or(Month::January), self.day.unwrap_or(1)).ok()
    }

    fn start(&self) -> Option<Millis> {
        midnight(self.first_day()?)
    }

    /// The first moment after the unit.
    fn end(&self) -> Option<Millis> {
        let first = self.first_day()?;
        let next = match (self.month, self.day) {
            (Some(_), Some(_)) => first.next_day()?,
            (Some(Month::December), None) | (None, _) => {
                Date::from_calendar_date(self.year.checked_add(1)?, Month::January, 1).ok()?
            }
            (Some(month), None) => Date::from_calendar_date(self.year, month.next(), 1).ok()?,
        };
        midnight(next)
    }
}

fn midnight(date: Date) -> Option<Millis> {
    let t = UtcDateTime::new(date, time::Time::MIDNIGHT);
    Some(Millis(t.unix_timestamp().checked_mul(1000)?))
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
        ] {
            assert_eq!(days(text), Some((from.into(), until.into())), "{text}");
        }
        for bad in ["", "+", "~", "20220230+", "20221301", "2023~2022", "2022-02-14", "202", "99999999", "二〇二二"]
        {
            assert_eq!(days(bad), None, "{bad}");
        }
    }
}
