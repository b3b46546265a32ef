//! What may be sent about redeem codes.

use domain::ledger::MAX_POINTS;
use domain::{Error, Millis, phrases};
use web::form::require_future;
use web::{Default, FieldType, Input};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

const POINTS: FieldType = FieldType::Int { min: 1, max: MAX_POINTS, step: 1 };

const COUNT: FieldType = FieldType::Int { min: 1, max: 100, step: 1 };

const USES: FieldType = FieldType::Int { min: 1, max: 1_000_000_000, step: 1 };

const DAYS: FieldType = FieldType::Int { min: 1, max: 36_500, step: 1 };

const NOTE: FieldType = FieldType::Text { min: 0, max: 200 };

web::form! {
    /// Codes to create, all of one kind.
    pub struct NewCodes {
        pub points: i64 = Input::new(POINTS, "Points a use gives", "每次兌換的積分"),
        pub count: usize = Input::new(COUNT, "Number of codes", "兌換碼數量").or(Default::Int(1)),
        pub max_uses: i64 =
            Input::new(USES, "Uses of each code, once a user", "每個兌換碼可用次數，每人一次").or(Default::Int(1)),
        pub expires_at: Option<Millis> = Input::new(FieldType::Time, "The codes' end", "兌換碼到期時間"),
        pub grant_days: Option<i64> = Input::new(DAYS, "Days the points last", "積分有效天數"),
        pub grant_expires_at: Option<Millis> =
            Input::new(FieldType::Time, "The points' end, in place of days", "積分到期時間，與天數擇一"),
        pub note: String = Input::new(NOTE, "Note", "備註").or(Default::Text("")),
    }
}

impl NewCodes {
    /// Checks that both ends lie ahead, and that the points have at most one.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`.
    pub fn check(&self, now: Millis) -> Result<(), Error> {
        require_future("expires_at", self.expires_at, now)?;
        require_future("grant_expires_at", self.grant_expires_at, now)?;
        match (self.grant_days, self.grant_expires_at) {
            (Some(_), Some(_)) => Err(Error::invalid("grant_expires_at", phrases::OMITTED_WITH.with(["grant_days"]))),
            _ => Ok(()),
        }
    }

    /// Milliseconds the points last from their grant.
    pub fn grant_ms(&self) -> Option<i64> {
        self.grant_days.map(|days| days * DAY_MS)
    }
}
