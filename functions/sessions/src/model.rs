//! What may be sent about a session.

use domain::error::Arg;
use domain::form::{Field, Form, Rule};
use domain::messages::INVALID_PARAMETER;
use domain::{Error, Millis};
use serde_json::Value;

/// How long a session lasts unless it is extended.
pub const LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1000;

const NAME: Field = Field::optional("name", Rule::Text { min: 0, max: 64 }, ("Name of the device", "裝置名稱"));

/// The farthest end that may be asked for.
const FARTHEST_MS: i64 = 365 * 24 * 60 * 60 * 1000;

pub struct Credentials {
    pub email: String,
    pub password: String,
    pub name: String,
}

impl Credentials {
    pub const FORM: Form = Form(&[
        Field::required("email", Rule::Email, ("E-mail", "電子郵件")),
        Field::required("password", Rule::Secret { min: 1, max: 256 }, ("Password", "密碼")),
        NAME,
    ]);

    pub fn read(body: &Value) -> Result<Credentials, Error> {
        let values = Self::FORM.create(body)?;
        let text = |name| values.text(name).unwrap_or_default();
        Ok(Credentials { email: text("email"), password: text("password"), name: text("name") })
    }
}

/// A new name, a new end.
pub struct SessionPatch {
    pub name: Option<String>,
    pub expires_at: Option<Millis>,
    /// At least this long; never shortens.
    pub at_least: Option<Millis>,
}

impl SessionPatch {
    pub const FORM: Form = Form(&[
        NAME,
        Field::optional("expires_at", Rule::Time, ("End, at most 365 days ahead", "到期時間，最多 365 天後")),
        Field::optional("extend", Rule::Bool, ("Extend by 30 days from now", "自現在起延長 30 天")),
    ]);

    pub fn read(body: &Value, now: Millis) -> Result<SessionPatch, Error> {
        let values = Self::FORM.patch(body)?;
        let expires_at = values.int("expires_at").map(Millis);
        if expires_at.is_some_and(|end| end <= now || end > now.plus(FARTHEST_MS)) {
            let phrase = Arg::Phrase {
                en: "a time within the next 365 days".into(),
                hant: "接下來 365 天內的時間".into(),
                hans: "接下来 365 天内的时间".into(),
            };
            return Err(INVALID_PARAMETER.on("expires_at").arg("expires_at").phrase(phrase));
        }
        let extend = values.bool("extend").unwrap_or(false);
        Ok(SessionPatch { name: values.text("name"), expires_at, at_least: extend.then(|| now.plus(LIFETIME_MS)) })
    }
}
