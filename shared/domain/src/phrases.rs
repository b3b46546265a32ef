//! What a value must be, to finish the sentence "{field} must be {phrase}." One line an entry: constant, English,
//! Traditional Chinese, Simplified Chinese.

use crate::text::Text;

macro_rules! catalogue {
    ($($name:ident $en:literal $hant:literal $hans:literal;)*) => {
        $(
            #[doc = $en]
            pub static $name: Text = Text { en: $en, hant: $hant, hans: $hans };
        )*
        /// Every entry, for tests.
        pub static ALL: &[&Text] = &[$(&$name),*];
    };
}

catalogue! {
    // Kinds of values.
    TEXT_OF "text of {0} to {1} characters" " {0} 到 {1} 個字元的文字" " {0} 到 {1} 个字符的文字";
    SHORT_TEXT "text of at most {0} characters" "最多 {0} 個字元的文字" "最多 {0} 个字符的文字";
    WORD "1 to {0} characters without a comma" " 1 到 {0} 個字元，不含逗號" " 1 到 {0} 个字符，不含逗号";
    EMAIL "an e-mail address" "電子郵件地址" "电子邮件地址";
    WHOLE_NUMBER "a whole number from {0} to {1}" " {0} 到 {1} 的整數" " {0} 到 {1} 的整数";
    MULTIPLE "a multiple of {2} from {0} to {1}" " {0} 到 {1} 之間 {2} 的倍數" " {0} 到 {1} 之间 {2} 的倍数";
    NUMBER "a number from {0} to {1}" " {0} 到 {1} 的數字" " {0} 到 {1} 的数字";
    AT_MOST "at most {0}" "不大於 {0} 的數字" "不大于 {0} 的数字";
    TRUE_OR_FALSE "true or false" " true 或 false" " true 或 false";
    ID "an id" "編號" "编号";
    ONE_OF "one of {0}" "下列之一：{0}" "下列之一：{0}";
    URL "an http or https URL" " http 或 https 網址" " http 或 https 网址";
    FILE_URL "an http or https URL, or /files/…" " http 或 https 網址，或 /files/…" " http 或 https 网址，或 /files/…";
    PUBLIC_URL "an http or https URL on the public internet" "公開網際網路上的 http 或 https 網址" "公开互联网上的 http 或 https 网址";
    TIME "an RFC 3339 time" " RFC 3339 時間" " RFC 3339 时间";
    FUTURE_TIME "a time in the future" "未來的時間" "未来的时间";
    TIME_WITHIN_DAYS "a time within the next {0} days" "接下來 {0} 天內的時間" "接下来 {0} 天内的时间";
    LIST "a list of at most {0}, each {1}" "最多 {0} 項的列表，每項為{1}" "最多 {0} 项的列表，每项为{1}";
    OBJECT "an object" "物件" "对象";
    OBJECT_OF "an object with no other keys than {0}" "只含 {0} 的物件" "只含 {0} 的对象";
    JSON "JSON of at most {0} bytes" "最多 {0} 位元組的 JSON" "最多 {0} 字节的 JSON";

    // Lists and their filters.
    AT_MOST_VALUES "at most {0} values" "最多 {0} 個值" "最多 {0} 个值";
    IDS "ids, separated by commas" "以逗號分隔的編號" "以逗号分隔的编号";
    IDS_OR_NAMES "ids or names, separated by commas" "以逗號分隔的編號或名稱" "以逗号分隔的编号或名称";
    CURSOR_BEYOND "sent for rows beyond the first {0}" "有值，才能取得前 {0} 筆之後的資料" "有值，才能取得前 {0} 条之后的数据";
    DATE_RANGE "a date such as 20220214+, 20220214- or 2022~2023" "日期，例如 20220214+、20220214- 或 2022~2023" "日期，例如 20220214+、20220214- 或 2022~2023";

    // Single fields.
    AT_LEAST_ONE "at least one of {0}" "下列至少一項：{0}" "下列至少一项：{0}";
    OMITTED_WITH "omitted when {0} is sent" "空的，因為已有 {0}" "空的，因为已有 {0}";
    OMITTED_FOR_TEXT_MODEL "omitted, because this model draws from text alone" "空的，因為該模型只依文字生圖" "空，因为该模型是文生图模型";
    SEED_OF_BATCH "at most {0}, because the images of a batch count it up" "不大於 {0}，因為同批圖片的種子依次加一" "不大于 {0}，因为同批图片的种子依次加一";
    USABLE_MODEL "a model you may use" "您可使用的模型" "您可使用的模型";
    FAMILY_OF_SOURCE "the family of the source model, or omitted" "源模型的基礎模型，或留空" "源模型的基础模型，或留空";
    USABLE_DATASET "a dataset you may use" "您可使用的資料集" "您可使用的数据集";
    DATASET_WITH_IMAGES "a dataset with images" "有圖片的資料集" "有图片的数据集";
    OWN_MODEL_FILE "one of your uploads of type application/octet-stream" "您以 application/octet-stream 上傳的檔案" "您以 application/octet-stream 上传的文件";
    OWN_IMAGES "ids of images of the author" "作者的圖片編號" "作者的图片编号";
    IMAGE_URLS "the http or https URL of an image, or a JSON array of at most {0}" "圖片的 http 或 https 網址，或最多 {0} 個網址的 JSON 陣列" "图片的 http 或 https 网址，或最多 {0} 个网址的 JSON 数组";
    DATASET_IMAGE "the address of an image that you may use and the platform may call, or an object of url and caption (at most 2000 characters)" "您可使用且平台可存取的圖片網址，或由 url 與 caption（最多 2000 個字元）組成的物件" "您可使用且平台可访问的图片网址，或由 url 与 caption（最多 2000 个字符）组成的对象";
    DATASET_IMAGES "1 to {0} images, with addresses of at most 1.5 MB together" " 1 到 {0} 張圖片，網址合計最多 1.5 MB" " 1 到 {0} 张图片，网址合计最多 1.5 MB";
    CALLBACK_FIELD "what the runner protocol allows (docs/API.md §5)" "執行器協定允許的值（docs/API.md §5）" "运行器协议允许的值（docs/API.md §5）";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_languages_take_the_same_arguments() {
        for text in ALL {
            for i in 0..4 {
                let hole = format!("{{{i}}}");
                assert_eq!(text.en.contains(&hole), text.hant.contains(&hole), "{}", text.en);
                assert_eq!(text.en.contains(&hole), text.hans.contains(&hole), "{}", text.en);
            }
        }
    }
}
