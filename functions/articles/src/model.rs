//! What may be sent about an article.

use domain::{Error, phrases};
use web::{Default, FieldType, Input};

/// The most images of an article: so many rows change, and are told to their watchers, with it.
const MAX_IMAGES: usize = 100;

const TITLE: Input = Input::new(FieldType::Text { min: 1, max: 200 }, "Title", "標題");
const BODY: Input = Input::new(FieldType::Text { min: 0, max: 20_000 }, "Text", "正文");
const IMAGES: Input =
    Input::new(FieldType::List { of: &FieldType::Id, max: MAX_IMAGES }, "Images, in their order", "圖片（依順序）");
const PUBLIC: Input = Input::new(FieldType::Bool, "Public", "公開");

web::form! {
    pub struct NewArticle {
        pub title: String = TITLE,
        pub body: String = BODY.or(Default::Text("")),
        /// Ids of images of the author.
        pub images: Vec<i64> = IMAGES,
        pub public: bool = PUBLIC.or(Default::Bool(true)),
    }
}

web::patch! {
    pub struct ArticlePatch {
        pub title: String = TITLE,
        pub body: String = BODY,
        /// Ids of all images that the article shall have.
        pub images: Vec<i64> = IMAGES,
        pub public: bool = PUBLIC,
    }
}

/// The error about an image that does not exist or is not the author's. Both are one error: nobody learns of an image
/// that they do not see.
pub fn not_an_own_image() -> Error {
    Error::invalid("images", &phrases::OWN_IMAGES)
}
