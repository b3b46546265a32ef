//! What may be changed of a task. What may be asked of a runner is in `submit`.

use web::{FieldType, Input};

web::patch! {
    pub struct TaskPatch {
        pub name: String = Input::new(FieldType::Text { min: 0, max: 200 }, "Name", "名稱"),
        pub public: bool = Input::new(FieldType::Bool, "Public", "公開"),
    }
}
