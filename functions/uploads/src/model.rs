//! What may be sent about an upload, apart from the file itself.

use domain::Error;
use domain::form::{Field, Form, Rule};
use ports::Part;
use serde_json::Value;

/// What the parts of a large file should measure, the last excepted, in bytes.
pub const PART_SIZE: i64 = 32 << 20;

/// The most a part may measure: what a Worker's request can carry.
pub const MAX_PART: u64 = 100_000_000;

/// The most parts of an upload (R2 and S3).
pub const MAX_PARTS: i64 = 10_000;

/// Only files nobody's browser would open.
const TYPES: &[(&str, &[&str])] = &[("application/octet-stream", &[])];

pub struct NewParts {
    pub content_type: String,
}

impl NewParts {
    pub const FORM: Form = Form(&[
        Field::required("content_type", Rule::OneOf(TYPES), ("Content type", "內容類型")),
        Field::optional("size", Rule::Int { min: 1, max: PART_SIZE * MAX_PARTS, step: 1 }, ("Size in bytes", "大小")),
    ]);

    pub fn read(body: &Value) -> Result<NewParts, Error> {
        let values = Self::FORM.create(body)?;
        Ok(NewParts { content_type: values.text("content_type").unwrap_or_default() })
    }
}

static PART: Form = Form(&[
    Field::required("number", Rule::Int { min: 1, max: MAX_PARTS, step: 1 }, ("Number", "編號")),
    Field::required("etag", Rule::Text { min: 1, max: 1000 }, ("ETag", "ETag")),
]);

/// The body of `POST /api/uploads/{id}/complete`.
pub static COMPLETE: Form = Form(&[Field::required(
    "parts",
    Rule::List { of: &Rule::Object(&PART), max: MAX_PARTS as usize },
    ("Parts", "分段"),
)]);

pub fn parts(body: &Value) -> Result<Vec<Part>, Error> {
    let values = COMPLETE.create(body)?;
    let list = values.get("parts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let part = |value: &Value| {
        let number = u16::try_from(value.get("number")?.as_u64()?).ok()?;
        Some(Part { number, etag: value.get("etag")?.as_str()?.to_string() })
    };
    Ok(list.iter().filter_map(part).collect())
}
