//! What may be sent about a user.

use domain::Error;
use domain::form::{Field, Form, Rule};
use domain::ledger::MAX_POINTS;
use domain::messages::NOTHING_TO_CHANGE;
use serde_json::Value;

const NAME: Rule = Rule::Text { min: 1, max: 64 };
const PASSWORD: Rule = Rule::Secret { min: 8, max: 256 };
const ADMIN: Field =
    Field::optional("admin", Rule::Bool, ("Administrator, set by administrators", "管理員，由管理員設定"));

/// Points for a user.
pub static GRANT: Form = Form(&[
    Field::required("points", Rule::Int { min: 1, max: MAX_POINTS, step: 1 }, ("Points", "積分")),
    Field::optional("reason", Rule::Text { min: 0, max: 200 }, ("Reason, shown to the user", "原因，使用者可見")),
    Field::optional("expires_at", Rule::Time, ("End; without one they last", "到期時間，未填則不過期")),
]);

pub struct NewUser {
    pub email: String,
    pub password: String,
    pub name: String,
    pub admin: bool,
}

impl NewUser {
    pub const FORM: Form = Form(&[
        Field::required("email", Rule::Email, ("E-mail", "電子郵件")),
        Field::required("password", PASSWORD, ("Password", "密碼")),
        Field::required("name", NAME, ("Name", "名稱")),
        ADMIN,
    ]);

    pub fn read(body: &Value) -> Result<NewUser, Error> {
        let values = Self::FORM.create(body)?;
        let text = |name| values.text(name).unwrap_or_default();
        Ok(NewUser {
            email: text("email"),
            password: text("password"),
            name: text("name"),
            admin: values.bool("admin").unwrap_or(false),
        })
    }
}

pub struct UserPatch {
    pub name: Option<String>,
    pub email: Option<String>,
    pub password: Option<String>,
    pub current_password: Option<String>,
    pub admin: Option<bool>,
}

impl UserPatch {
    pub const FORM: Form = Form(&[
        Field::optional("name", NAME, ("Name", "名稱")),
        Field::optional("email", Rule::Email, ("E-mail", "電子郵件")),
        Field::optional("password", PASSWORD, ("New password", "新密碼")),
        Field::optional(
            "current_password",
            Rule::Secret { min: 1, max: 256 },
            ("Current password, to change one's own", "目前的密碼，修改自己的密碼時必填"),
        ),
        ADMIN,
    ]);

    pub fn read(body: &Value) -> Result<UserPatch, Error> {
        let values = Self::FORM.patch(body)?;
        let patch = UserPatch {
            name: values.text("name"),
            email: values.text("email"),
            password: values.text("password"),
            current_password: values.text("current_password"),
            admin: values.bool("admin"),
        };
        let nothing = patch.name.is_none() && patch.email.is_none() && patch.password.is_none();
        if nothing && patch.admin.is_none() { Err(NOTHING_TO_CHANGE.error()) } else { Ok(patch) }
    }
}
