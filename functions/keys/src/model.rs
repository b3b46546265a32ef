//! What may be sent about an API key.

use domain::api_key::Access;
use domain::error::Arg;
use domain::form::{Field, Form, Rule, Values};
use domain::messages::INVALID_PARAMETER;
use domain::{Error, Millis};
use serde_json::{Value, json};

const NAME: Rule = Rule::Text { min: 1, max: 64 };
const SCOPES: Field = Field::optional(
    "scopes",
    Rule::List { of: &Rule::OneOf(Access::CHOICES), max: Access::ALL.len() },
    (
        "What the key may do: `read` everything its user can, `tasks` submits and uploads, `write` is all other changes",
        "金鑰可做的事：read 讀取、tasks 提交任務與上傳、write 其他修改",
    ),
);

pub struct NewKey {
    pub name: String,
    /// A JSON array of their names, each once and in the order of `Access::ALL`.
    pub scopes: String,
    pub expires_at: Option<Millis>,
}

impl NewKey {
    pub const FORM: Form = Form(&[
        Field::required("name", NAME, ("Name", "名稱")),
        SCOPES,
        Field::optional("expires_at", Rule::Time, ("End; without one the key lasts until it is deleted", "到期時間")),
    ]);

    /// All scopes unless some are named.
    pub fn read(body: &Value, now: Millis) -> Result<NewKey, Error> {
        let values = Self::FORM.create(body)?;
        let expires_at = values.future("expires_at", now)?;
        let scopes = scopes(&values)?.unwrap_or_else(|| json!(Access::ALL.map(Access::name)).to_string());
        Ok(NewKey { name: values.text("name").unwrap_or_default(), scopes, expires_at })
    }
}

pub struct KeyPatch {
    pub name: Option<String>,
    /// As in `NewKey`.
    pub scopes: Option<String>,
}

impl KeyPatch {
    pub const FORM: Form = Form(&[Field::optional("name", NAME, ("Name", "名稱")), SCOPES]);

    pub fn read(body: &Value) -> Result<KeyPatch, Error> {
        let values = Self::FORM.patch(body)?;
        Ok(KeyPatch { name: values.text("name"), scopes: scopes(&values)? })
    }
}

fn scopes(values: &Values) -> Result<Option<String>, Error> {
    let Some(sent) = values.texts("scopes") else { return Ok(None) };
    let kept: Vec<&str> = Access::ALL.map(Access::name).into_iter().filter(|n| sent.iter().any(|s| s == n)).collect();
    if kept.is_empty() {
        let phrase =
            Arg::Phrase { en: "at least one scope".into(), hant: "至少一項".into(), hans: "至少一项".into() };
        return Err(INVALID_PARAMETER.on("scopes").arg("scopes").phrase(phrase));
    }
    Ok(Some(json!(kept).to_string()))
}
