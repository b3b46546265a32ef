//! What may be sent about an import.

use domain::model::{BASE_MODELS, MAX_NAME, MAX_TRIGGER_WORDS, TYPES};
use domain::{Error, id, phrases};
use serde_json::Value;
use web::{Default, FieldType, Input};

const NAME: Input = Input::new(FieldType::Text { min: 1, max: MAX_NAME }, "Name", "名稱");
const TRIGGER_WORDS: Input = Input::new(FieldType::Text { min: 0, max: MAX_TRIGGER_WORDS }, "Trigger words", "觸發詞");
const TAGS: Input = Input::new(FieldType::TAGS, "Tags", "標籤");
const PUBLIC: Input = Input::new(FieldType::Bool, "Public", "公開");

web::form! {
    /// An upload that becomes a model.
    pub struct NewModel {
        pub name: String = NAME,
        /// One of `TYPES`.
        pub kind: String = Input::new(FieldType::OneOf(TYPES), "Type", "類型").named("type"),
        pub base_model: String = Input::new(FieldType::OneOf(BASE_MODELS), "Base model", "基礎模型"),
        pub trigger_words: Option<String> = TRIGGER_WORDS,
        /// An id or an address: see `upload_ref`.
        pub upload: Value =
            Input::new(FieldType::Json { max: 2050 }, "Upload: its id or address", "上傳：編號或網址"),
        pub tags: Vec<String> = TAGS,
        pub public: bool = PUBLIC.or(Default::Bool(false)),
    }
}

/// Names one of the caller's uploads.
pub enum UploadRef {
    Id(i64),
    /// The address of its file.
    Url(String),
}

impl NewModel {
    /// The upload that becomes the model.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` on the field `upload` for JSON that is neither an id nor text.
    pub fn upload_ref(&self) -> Result<UploadRef, Error> {
        if let Some(id) = FieldType::Id.read(&self.upload).and_then(|id| id.as_i64()) {
            return Ok(UploadRef::Id(id));
        }
        let url = self.upload.as_str().filter(|text| id::parse(text).is_none()).ok_or_else(unknown_upload)?;
        Ok(UploadRef::Url(url.trim().to_string()))
    }
}

/// The error about an upload that does not exist, is not the caller's or holds no model.
pub fn unknown_upload() -> Error {
    Error::invalid("upload", &phrases::OWN_MODEL_FILE)
}
