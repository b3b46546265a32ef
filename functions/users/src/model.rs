//! What may be sent about a user.

use domain::ledger::MAX_POINTS;
use domain::messages::NOTHING_TO_CHANGE;
use domain::{Error, Millis};
use web::{Default, FieldType, Input};

const NAME: Input = Input::new(FieldType::Text { min: 1, max: 64 }, "Name", "名稱");
const EMAIL: Input = Input::new(FieldType::Email, "E-mail", "電子郵件");
const PASSWORD: FieldType = FieldType::Secret { min: 8, max: 256 };
const CURRENT_PASSWORD: Input = Input::new(
    FieldType::Secret { min: 1, max: 256 },
    "Current password, needed to change your own",
    "目前的密碼，修改自己的密碼時必填",
);
const ADMIN: Input = Input::new(FieldType::Bool, "Administrator, set by administrators", "管理員，由管理員設定");

const POINTS: Input = Input::new(FieldType::Int { min: 1, max: MAX_POINTS, step: 1 }, "Points", "積分");
const REASON: Input = Input::new(FieldType::Text { min: 0, max: 200 }, "Reason, shown to the user", "原因，使用者可見");
const EXPIRES_AT: Input = Input::new(FieldType::Time, "End; without one they last", "到期時間，未填則不過期");

web::form! {
    pub struct NewUser {
        pub email: String = EMAIL,
        pub password: String = Input::new(PASSWORD, "Password", "密碼"),
        pub name: String = NAME,
        pub admin: bool = ADMIN.or(Default::Bool(false)),
    }
}

web::patch! {
    pub struct UserPatch {
        pub name: String = NAME,
        pub email: String = EMAIL,
        pub password: String = Input::new(PASSWORD, "New password", "新密碼"),
        pub current_password: String = CURRENT_PASSWORD,
        pub admin: bool = ADMIN,
    }
}

web::form! {
    /// Points for a user.
    pub struct NewGrant {
        pub points: i64 = POINTS,
        pub reason: String = REASON.or(Default::Text("")),
        pub expires_at: Option<Millis> = EXPIRES_AT,
    }
}

impl UserPatch {
    /// The new password, if it is to change, with the current one where that must be checked: when it is the caller's
    /// `own`, as at `/api/account`. So a stolen token alone changes no password.
    ///
    /// # Errors
    ///
    /// `missing_parameter` without the current password; `nothing_to_change` when that is all that was sent.
    pub fn password_change(&self, own: bool) -> Result<Option<(&str, Option<&str>)>, Error> {
        match (self.password.as_deref(), self.current_password.as_deref()) {
            (Some(_), None) if own => Err(Error::missing("current_password")),
            (Some(new), current) => Ok(Some((new, current.filter(|_| own)))),
            (None, _) if self.name.is_none() && self.email.is_none() && self.admin.is_none() => {
                Err(NOTHING_TO_CHANGE.error())
            }
            (None, _) => Ok(None),
        }
    }
}
