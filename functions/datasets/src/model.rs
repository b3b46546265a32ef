//! What may be sent about a dataset.

use domain::training::{MAX_CAPTION, MAX_IMAGES};
use serde_json::Value;
use web::{Default, FieldType, Input};

/// Bytes of the largest body: a list of thousands of addresses.
pub const MAX_BODY: usize = 1_572_864;

const NAME: Input = Input::new(FieldType::Text { min: 0, max: 200 }, "Name", "名稱");
const INFO: Input = Input::new(FieldType::Text { min: 0, max: 2000 }, "Description", "說明");
const PUBLIC: Input = Input::new(FieldType::Bool, "Public", "公開");

/// An entry is an address, or an object of `url` and `caption`: `store::datasets::SourceReader` reads it.
const IMAGES: Input = Input::new(
    FieldType::List { of: &FieldType::Json { max: 32_000 }, max: MAX_IMAGES },
    "Images: addresses, or objects of url and caption",
    "圖片：網址，或由 url 與 caption 組成的物件",
);

web::form! {
    pub struct NewDataset {
        pub name: String = NAME.or(Default::Text("")),
        pub info: String = INFO.or(Default::Text("")),
        pub images: Vec<Value> = IMAGES,
        pub public: bool = PUBLIC.or(Default::Bool(false)),
    }
}

web::patch! {
    pub struct DatasetPatch {
        pub name: String = NAME,
        pub info: String = INFO,
        pub images: Vec<Value> = IMAGES,
        pub public: bool = PUBLIC,
    }
}

web::form! {
    /// Images to be added.
    pub struct NewImages {
        pub images: Vec<Value> = IMAGES,
    }
}

web::patch! {
    pub struct ImagePatch {
        pub caption: String = Input::new(FieldType::Text { min: 0, max: MAX_CAPTION }, "Caption", "描述"),
    }
}
