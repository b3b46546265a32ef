//! What may be sent about an image.

use domain::Error;
use domain::form::{Field, Form, Rule};

pub struct ImagePatch {
    pub name: Option<String>,
    /// All tags it shall carry, by name; those that do not exist yet are made.
    pub tags: Option<Vec<String>>,
    pub public: Option<bool>,
}

impl ImagePatch {
    pub const FORM: Form = Form(&[
        Field::optional("name", Rule::Text { min: 0, max: 200 }, ("Name", "名稱")),
        // The same names as `/api/tags` takes.
        Field::optional("tags", Rule::List { of: &Rule::Word { max: 64 }, max: 32 }, ("Tags", "標籤")),
        Field::optional("public", Rule::Bool, ("Public", "公開")),
    ]);

    pub fn read(body: &serde_json::Value) -> Result<ImagePatch, Error> {
        let values = Self::FORM.patch(body)?;
        Ok(ImagePatch { name: values.text("name"), tags: values.texts("tags"), public: values.bool("public") })
    }
}
