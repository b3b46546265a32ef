//! What may be changed of an image.

use web::{FieldType, Input};

web::patch! {
    pub struct ImagePatch {
        pub name: String = Input::new(FieldType::Text { min: 0, max: 200 }, "Name", "名稱"),
        /// All tags of the image, by name; those that do not exist yet are created.
        pub tags: Vec<String> = Input::new(FieldType::TAGS, "Tags", "標籤"),
        pub public: bool = Input::new(FieldType::Bool, "Public", "公開"),
    }
}
