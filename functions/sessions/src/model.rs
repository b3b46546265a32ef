//! What may be sent about a session.

use domain::{Error, Millis, phrases};
use web::{Default, FieldType, Input};

const NAME: Input = Input::new(FieldType::Text { min: 0, max: 64 }, "Name of the device", "裝置名稱");

/// The latest end that may be asked for, in days from now.
const MAX_DAYS: i64 = 365;

web::form! {
    pub struct Credentials {
        pub email: String = Input::new(FieldType::Email, "E-mail", "電子郵件"),
        pub password: String = Input::new(FieldType::Secret { min: 1, max: 256 }, "Password", "密碼"),
        pub name: String = NAME.or(Default::Text("")),
    }
}

web::patch! {
    pub struct SessionPatch {
        pub name: String = NAME,
        pub expires_at: Millis = Input::new(FieldType::Time, "End, at most 365 days ahead", "到期時間，最多 365 天後"),
        /// Extends the session to 30 days from now; never shortens it.
        pub extend: bool = Input::new(FieldType::Bool, "Extend by 30 days from now", "自現在起延長 30 天"),
    }
}

impl SessionPatch {
    /// Refuses an end that is past or more than `MAX_DAYS` ahead.
    pub fn require_end_within_a_year(&self, now: Millis) -> Result<(), Error> {
        let latest = now.plus(MAX_DAYS * 24 * 60 * 60 * 1000);
        match self.expires_at {
            Some(end) if end <= now || end > latest => {
                Err(Error::invalid("expires_at", phrases::TIME_WITHIN_DAYS.with([MAX_DAYS])))
            }
            _ => Ok(()),
        }
    }
}
