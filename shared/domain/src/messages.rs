//! The catalogue of error messages. Codes are part of the public contract and are never renamed. One line an entry:
//! constant, code, kind, English, Traditional Chinese, Simplified Chinese.

use crate::error::{Kind, Message};
use crate::text::Text;

macro_rules! catalogue {
    ($($name:ident $code:literal $kind:ident $en:literal $hant:literal $hans:literal;)*) => {
        $(
            #[doc = $en]
            pub static $name: Message =
                Message { code: $code, kind: Kind::$kind, text: Text { en: $en, hant: $hant, hans: $hans } };
        )*
        /// Every entry, for tests and documentation.
        pub static ALL: &[&Message] = &[$(&$name),*];
    };
}

catalogue! {
    // Requests as such.
    MALFORMED_JSON "malformed_json" Malformed "The body is not valid JSON." "請求內容不是有效的 JSON。" "请求内容不是有效的 JSON。";
    INVALID_PARAMETER "invalid_parameter" Malformed "{0} must be {1}." "{0} 必須是{1}。" "{0} 必须是{1}。";
    MISSING_PARAMETER "missing_parameter" Malformed "{0} is required." "缺少必填的 {0}。" "缺少必填的 {0}。";
    UNKNOWN_SORT "unknown_sort" Malformed "{0} is not a known sort order." "未知的排序方式 {0}。" "未知的排序方式 {0}。";
    INVALID_CURSOR "invalid_cursor" Malformed "The cursor is invalid for this list." "游標不屬於此列表。" "游标不属于此列表。";
    NOTHING_TO_CHANGE "nothing_to_change" Malformed "The body names no field to change." "請求中沒有要修改的欄位。" "请求中没有要修改的字段。";
    BODY_TOO_LARGE "body_too_large" TooLarge "The body is larger than {0}." "請求內容超過 {0}。" "请求内容超过 {0}。";
    UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" UnsupportedMedia "The body must be sent as {0}." "請以 {0} 傳送內容。" "请以 {0} 发送内容。";
    NOT_FOUND "not_found" NotFound "There is no such object." "找不到此物件。" "找不到该对象。";
    ROUTE_NOT_FOUND "route_not_found" NotFound "Nothing exists at this address." "此網址沒有內容。" "该地址没有内容。";
    METHOD_NOT_ALLOWED "method_not_allowed" MethodNotAllowed "This address does not support the method." "此網址不支援該方法。" "该地址不支持该方法。";
    IDEMPOTENCY_KEY_REUSED "idempotency_key_reused" Unprocessable "This Idempotency-Key was already used with another body." "此 Idempotency-Key 已用於不同的內容。" "该 Idempotency-Key 已用于不同的内容。";
    INVALID_IDEMPOTENCY_KEY "invalid_idempotency_key" Malformed "An Idempotency-Key must have 1 to 255 printable ASCII characters." "Idempotency-Key 須為 1 到 255 個可見 ASCII 字元。" "Idempotency-Key 须为 1 到 255 个可见 ASCII 字符。";
    TOO_MANY_REQUESTS "too_many_requests" TooMany "Too many attempts; try again later." "嘗試次數過多，請稍後再試。" "尝试次数过多，请稍后再试。";
    UNAVAILABLE "unavailable" Unavailable "The service is temporarily unavailable." "服務暫時無法使用。" "服务暂时无法使用。";
    INTERNAL "internal_error" Internal "Something went wrong on our side." "伺服器發生錯誤。" "服务器发生错误。";

    // Who is asking.
    UNAUTHENTICATED "unauthenticated" Unauthenticated "Log in first." "未登錄，請先登錄。" "未登录，请先登录。";
    INVALID_TOKEN "invalid_token" Unauthenticated "The token is invalid, or its session has ended." "未登錄或令牌已過期，請重新登錄。" "未登录或令牌已过期，请重新登录。";
    INVALID_CREDENTIALS "invalid_credentials" Unauthenticated "The e-mail address or password is wrong." "電子郵件或密碼不正確。" "电子邮件或密码不正确。";
    INVALID_SIGNATURE "invalid_signature" Unauthenticated "The signature is invalid." "簽章無效。" "签名无效。";
    FORBIDDEN "forbidden" Forbidden "You are not allowed to do this." "您沒有權限進行此操作。" "您没有权限进行此操作。";
    MISSING_SCOPE "missing_scope" Forbidden "The API key lacks the required scope." "此 API 金鑰沒有所需的權限範圍。" "该 API 密钥没有所需的权限范围。";
    SIGNUP_CLOSED "signup_closed" Forbidden "Sign-up is closed." "目前不開放註冊。" "目前不开放注册。";

    // Resources.
    EMAIL_TAKEN "email_taken" Conflict "This e-mail address is already in use." "此電子郵件已被使用。" "该电子邮件已被使用。";
    WRONG_PASSWORD "wrong_password" Forbidden "The current password is wrong." "目前的密碼不正確。" "当前密码不正确。";
    LAST_ADMIN "last_admin" Conflict "The last administrator cannot be removed or demoted." "無法移除最後一位管理員或撤銷其權限。" "无法移除最后一位管理员或撤销其权限。";
    TOO_MANY_KEYS "too_many_keys" Conflict "You have reached the limit of 50 API keys; delete one first." "API 金鑰已達 50 個的上限，請先刪除一個。" "API 密钥已达 50 个的上限，请先删除一个。";
    TAG_EXISTS "tag_exists" Conflict "A tag with this name already exists." "已有同名的標籤。" "已有同名的标签。";
    TASK_ENDED "task_ended" Conflict "The task has already ended." "任務已結束。" "任务已结束。";
    STALE_LEASE "stale_lease" Conflict "The lease on this task is no longer valid." "此任務的租約已失效。" "该任务的租约已失效。";
    WRONG_OUTPUTS "wrong_outputs" Conflict "The result must have as many images as were requested." "結果的圖片數量與要求不符。" "结果的图片数量与要求不符。";
    OBJECT_MISSING "object_missing" Conflict "An object named in the result is missing or differs from its description." "結果中的物件不存在或與描述不符。" "结果中的对象不存在或与描述不符。";
    INSUFFICIENT_POINTS "insufficient_points" PaymentRequired "You do not have enough points." "積分不足，請先儲值。" "积分不足，请先充值。";
    UNKNOWN_MODEL "unknown_model" Malformed "No available model has this modelName." "modelName 所指的模型不存在或已停用。" "modelName 所指的模型不存在或已停用。";
    NO_PRICE "no_price" Unavailable "No price is configured for this kind of task." "此類任務尚未定價。" "该类任务尚未定价。";
    REDEEM_CODE_INVALID "redeem_code_invalid" NotFound "The code is unknown, expired or used up." "兌換碼不存在、已過期或已用完。" "兑换码不存在、已过期或已用完。";
    ALREADY_REDEEMED "already_redeemed" Conflict "You have already redeemed this code." "您已兌換過此兌換碼。" "您已兑换过该兑换码。";
    STANDARD_PRICE "standard_price" Conflict "Each task type needs one enabled standard price; make another one standard first." "每種任務類型須有一項啟用的標準價格，請先將另一項設為標準。" "每种任务类型须有一项启用的标准价格，请先将另一项设为标准。";
    NAME_TAKEN "name_taken" Conflict "This name is already in use." "此名稱已被使用。" "该名称已被使用。";
    INVALID_IMAGE "invalid_image" Malformed "The file is not a readable image (PNG or JPEG; WebP only as a reference image)." "檔案不是可讀取的圖片（PNG、JPEG；作為參考圖亦可為 WebP）。" "文件不是可读取的图片（PNG、JPEG；作为参考图亦可为 WebP）。";
    IMAGE_UNREACHABLE "image_unreachable" Unprocessable "The image cannot be loaded from its address, or is larger than 20 MB." "無法從網址載入圖片，或圖片超過 20 MB。" "无法从网址加载图片，或图片超过 20 MB。";
    IMAGE_TOO_LARGE "image_too_large" TooLarge "The image has more than {0} pixels." "圖片超過 {0} 像素。" "图片超过 {0} 像素。";
    UPLOAD_INCOMPLETE "upload_incomplete" Conflict "Parts of the upload are missing or differ." "上傳的分段不完整或不符。" "上传的分段不完整或不符。";
    UPLOAD_COMPLETE "upload_complete" Conflict "The upload is already complete." "此上傳已完成。" "该上传已完成。";
    INVALID_MODEL "invalid_model" Malformed "The file is not a readable model (safetensors)." "檔案不是可讀取的模型（safetensors）。" "文件不是可读取的模型（safetensors）。";
    MODEL_TOO_LARGE "model_too_large" TooLarge "Models of this type may have at most {0}." "此類型的模型最大為 {0}。" "此类型的模型最大为 {0}。";
    MODEL_NOT_READY "model_not_ready" Conflict "The model is not trained yet, or its type does not fit here." "模型尚未訓練完成，或類型不符。" "模型尚未训练完成，或类型不符。";
    DATASET_UNAVAILABLE "dataset_unavailable" Conflict "Images of the dataset could not be copied; the dataset says which." "資料集有圖片無法複製，請見該資料集。" "数据集有图片无法复制，请见该数据集。";
    WEBHOOK_LIMIT "webhook_limit" Conflict "You have reached the limit of 50 webhooks." "Webhook 已達 50 個的上限。" "Webhook 已达 50 个的上限。";
    WEBHOOK_INACTIVE "webhook_inactive" Conflict "The webhook is inactive." "此 webhook 未啟用。" "该 webhook 未启用。";
    RANGE_NOT_SATISFIABLE "range_not_satisfiable" OutOfRange "The range lies outside the object." "要求的範圍超出物件。" "请求的范围超出对象。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_snake_case() {
        let mut codes: Vec<_> = ALL.iter().map(|m| m.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ALL.len());
        assert!(codes.iter().all(|c| c.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }

    #[test]
    fn the_three_languages_take_the_same_arguments() {
        for m in ALL {
            for i in 0..4 {
                let hole = format!("{{{i}}}");
                assert_eq!(m.text.en.contains(&hole), m.text.hant.contains(&hole), "{}", m.code);
                assert_eq!(m.text.en.contains(&hole), m.text.hans.contains(&hole), "{}", m.code);
            }
        }
    }
}
