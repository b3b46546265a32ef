//! What may be sent about an API key.

use domain::api_key::Access;
use domain::{Error, Millis, phrases};
use serde_json::json;
use web::{FieldType, Input};

const NAME: Input = Input::new(FieldType::Text { min: 1, max: 64 }, "Name", "名稱");
const SCOPES: Input = Input::new(
    FieldType::List { of: &FieldType::OneOf(Access::CHOICES), max: Access::ALL.len() },
    "Allowed operations: `read` what the user can read, `tasks` for tasks and uploads, `write` for all other changes",
    "金鑰可做的事：read 讀取、tasks 提交任務與上傳、write 其他修改",
);
const EXPIRES_AT: Input = Input::new(FieldType::Time, "End; without one the key lasts until it is deleted", "到期時間");

web::form! {
    pub struct NewKey {
        pub name: String = NAME,
        /// All scopes when absent.
        pub scopes: Option<Vec<String>> = SCOPES,
        pub expires_at: Option<Millis> = EXPIRES_AT,
    }
}

web::patch! {
    pub struct KeyPatch {
        pub name: String = NAME,
        pub scopes: Vec<String> = SCOPES,
    }
}

impl NewKey {
    /// The scopes of the new key, as `scopes` writes them.
    pub fn scopes(&self) -> Result<String, Error> {
        match &self.scopes {
            Some(sent) => scopes(sent),
            None => Ok(json!(Access::ALL.map(Access::name)).to_string()),
        }
    }
}

impl KeyPatch {
    /// The new scopes, as `scopes` writes them.
    pub fn scopes(&self) -> Result<Option<String>, Error> {
        self.scopes.as_deref().map(scopes).transpose()
    }
}

/// A JSON array of scopes, each once and in the order of `Access::ALL`.
///
/// # Errors
///
/// `invalid_parameter` when there is none.
fn scopes(sent: &[String]) -> Result<String, Error> {
    let names = Access::ALL.map(Access::name);
    let known: Vec<&str> = names.into_iter().filter(|name| sent.iter().any(|s| s == name)).collect();
    if known.is_empty() {
        return Err(Error::invalid("scopes", phrases::AT_LEAST_ONE.with([names.join(", ")])));
    }
    Ok(json!(known).to_string())
}
