//! What may be sent about one's own account.

use domain::Error;
use domain::messages::NOTHING_TO_CHANGE;
use web::{FieldType, Input};

const NAME: Input = Input::new(FieldType::Text { min: 1, max: 64 }, "Name", "名稱");
const EMAIL: Input = Input::new(FieldType::Email, "E-mail", "電子郵件");
const PASSWORD: Input = Input::new(FieldType::Secret { min: 8, max: 256 }, "New password", "新密碼");
const CURRENT_PASSWORD: Input = Input::new(
    FieldType::Secret { min: 1, max: 256 },
    "Current password, needed for a new one",
    "目前的密碼，修改密碼時必填",
);

web::patch! {
    pub struct AccountPatch {
        pub name: String = NAME,
        pub email: String = EMAIL,
        pub password: String = PASSWORD,
        pub current_password: String = CURRENT_PASSWORD,
    }
}

impl AccountPatch {
    /// The new password and the current one, if the password is to change.
    ///
    /// # Errors
    ///
    /// `missing_parameter` for a new password without the current one; `nothing_to_change` for the current one alone.
    pub fn password_change(&self) -> Result<Option<(&str, &str)>, Error> {
        match (self.password.as_deref(), self.current_password.as_deref()) {
            (Some(new), Some(current)) => Ok(Some((new, current))),
            (Some(_), None) => Err(Error::missing("current_password")),
            (None, _) if self.name.is_none() && self.email.is_none() => Err(NOTHING_TO_CHANGE.error()),
            (None, _) => Ok(None),
        }
    }
}
