//! What may be sent about one's own account.

use domain::Error;
use domain::form::{Field, Form, Rule};
use domain::messages::{MISSING_PARAMETER, NOTHING_TO_CHANGE};
use serde_json::Value;

pub struct AccountPatch {
    pub name: Option<String>,
    pub email: Option<String>,
    /// The new one and the current one.
    pub password: Option<(String, String)>,
}

impl AccountPatch {
    pub const FORM: Form = Form(&[
        Field::optional("name", Rule::Text { min: 1, max: 64 }, ("Name", "名稱")),
        Field::optional("email", Rule::Email, ("E-mail", "電子郵件")),
        Field::optional("password", Rule::Secret { min: 8, max: 256 }, ("New password", "新密碼")),
        Field::optional(
            "current_password",
            Rule::Secret { min: 1, max: 256 },
            ("Current password, needed for a new one", "目前的密碼，修改密碼時必填"),
        ),
    ]);

    pub fn read(body: &Value) -> Result<AccountPatch, Error> {
        let values = Self::FORM.patch(body)?;
        let (name, email) = (values.text("name"), values.text("email"));
        let password = match (values.text("password"), values.text("current_password")) {
            (Some(new), Some(current)) => Some((new, current)),
            (Some(_), None) => return Err(MISSING_PARAMETER.on("current_password").arg("current_password")),
            (None, _) => None,
        };
        if name.is_none() && email.is_none() && password.is_none() {
            return Err(NOTHING_TO_CHANGE.error());
        }
        Ok(AccountPatch { name, email, password })
    }
}
