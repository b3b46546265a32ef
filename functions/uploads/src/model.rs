//! What may be sent about an upload, apart from the file itself.

use domain::{Choices, Error};
use ports::Part;
use web::{Default, FieldType, FormData, Input};

/// Size of a part in bytes, as clients are told; the last one may be smaller.
pub const PART_SIZE: i64 = 32 << 20;

/// Largest part in bytes: the largest request that a Worker takes.
pub const MAX_PART: u64 = 100_000_000;

/// Maximum number of parts of an upload, in R2 and S3.
pub const MAX_PARTS: i64 = 10_000;

/// Nothing that a browser would open.
const CONTENT_TYPES: Choices = &[("application/octet-stream", &[])];

const SIZE: FieldType = FieldType::Int { min: 1, max: PART_SIZE * MAX_PARTS, step: 1 };
const NUMBER: FieldType = FieldType::Int { min: 1, max: MAX_PARTS, step: 1 };
const PARTS: FieldType = FieldType::List { of: &FieldType::Object(&StoredPart::FORM), max: MAX_PARTS as usize };

web::form! {
    pub struct NewMultipartUpload {
        pub content_type: String = Input::new(FieldType::OneOf(CONTENT_TYPES), "Content type", "內容類型"),
        /// For clients; the stored parts alone decide.
        pub size: Option<i64> = Input::new(SIZE, "Size in bytes", "大小"),
    }
}

web::form! {
    pub struct StoredPart {
        pub number: u16 = Input::new(NUMBER, "Number", "編號"),
        /// As the reply to the part had it.
        pub etag: String = Input::new(FieldType::Text { min: 1, max: 1000 }, "ETag", "ETag"),
    }
}

web::form! {
    /// The body that completes an upload.
    pub struct PartList {
        /// In the order of the file.
        pub parts: Vec<StoredPart> = Input::new(PARTS, "Parts", "分段").or(Default::Required),
    }
}

impl PartList {
    /// The parts as the object store takes them.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` on the field `parts` when there is none.
    pub fn into_parts(self) -> Result<Vec<Part>, Error> {
        if self.parts.is_empty() {
            return Err(Error::invalid("parts", PARTS.phrase()));
        }
        Ok(self.parts.into_iter().map(|StoredPart { number, etag }| Part { number, etag }).collect())
    }
}
