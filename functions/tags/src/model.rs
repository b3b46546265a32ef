//! What may be sent about a tag.

use domain::Error;
use domain::form::{Field, Form, Rule};

/// A comma would be read as two tags in a filter.
const NAME: Field = Field::required("name", Rule::Word { max: 64 }, ("Name", "名稱"));

pub struct NewTag {
    pub name: String,
}

impl NewTag {
    pub const FORM: Form = Form(&[NAME]);

    pub fn read(body: &serde_json::Value) -> Result<NewTag, Error> {
        let values = Self::FORM.create(body)?;
        Ok(NewTag { name: values.text("name").unwrap_or_default() })
    }
}

pub struct TagPatch {
    pub name: String,
}

impl TagPatch {
    pub const FORM: Form = Form(&[NAME]);

    pub fn read(body: &serde_json::Value) -> Result<TagPatch, Error> {
        let values = Self::FORM.patch(body)?;
        Ok(TagPatch { name: values.text("name").unwrap_or_default() })
    }
}
