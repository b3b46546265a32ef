//! What may be changed of a model. What may be asked of a training is in `submit`.

use domain::model::{MAX_NAME, MAX_TRIGGER_WORDS};
use web::{FieldType, Input};

const NAME: Input = Input::new(FieldType::Text { min: 1, max: MAX_NAME }, "Name", "名稱");
const TRIGGER_WORDS: Input = Input::new(FieldType::Text { min: 0, max: MAX_TRIGGER_WORDS }, "Trigger words", "觸發詞");
const TAGS: Input = Input::new(FieldType::TAGS, "Tags", "標籤");
const PUBLIC: Input = Input::new(FieldType::Bool, "Public", "公開");

web::patch! {
    pub struct ModelPatch {
        pub name: String = NAME,
        pub trigger_words: String = TRIGGER_WORDS,
        /// All tags of the model, by name; those that do not exist yet are created.
        pub tags: Vec<String> = TAGS,
        pub public: bool = PUBLIC,
    }
}
