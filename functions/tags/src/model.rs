//! What may be sent about a tag.

use web::{FieldType, Input};

/// A comma would be read as two tags in a filter.
const NAME: Input = Input::new(FieldType::Word { max: 64 }, "Name", "名稱");

web::form! {
    pub struct NewTag {
        pub name: String = NAME,
    }
}

web::patch! {
    pub struct TagPatch {
        pub name: String = NAME,
    }
}
