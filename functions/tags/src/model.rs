//! What may be sent about a tag.

use web::{FieldType, Input};

const NAME: Input = Input::new(FieldType::TAG, "Name", "名稱");

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
