//! What may be sent about a choice.

use web::{Default, FieldType, Input};

const NAME: Input = Input::new(FieldType::Text { min: 1, max: 200 }, "Name", "名稱");
const INFO: Input = Input::new(FieldType::Text { min: 0, max: 2000 }, "Description", "簡介");
const PUBLIC: Input = Input::new(FieldType::Bool, "Public", "公開");

web::form! {
    pub struct NewChoice {
        pub name: String = NAME,
        pub info: String = INFO.or(Default::Text("")),
        pub public: bool = PUBLIC.or(Default::Bool(false)),
    }
}

web::patch! {
    pub struct ChoicePatch {
        pub name: String = NAME,
        pub info: String = INFO,
        pub public: bool = PUBLIC,
    }
}
