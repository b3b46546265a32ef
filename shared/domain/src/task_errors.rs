//! Why a task ended in an error, as its `error.code`. The platform's own reasons are here; a runner's reasons carry the
//! runner's text. The drawing API shows `text`; the points API, which speaks Chinese, shows `points_text`.

use crate::text::Text;

/// A reason, its code and its texts.
#[derive(Debug, PartialEq, Eq)]
pub struct TaskError {
    /// Stable, in snake_case.
    pub code: &'static str,
    /// `error.message` of the drawing API.
    pub text: Text,
}

/// Canceled by its owner or an administrator.
pub static CANCELED: TaskError = TaskError {
    code: "canceled",
    text: Text { en: "The task was canceled.", hant: "任務已取消。", hans: "任务已取消。" },
};

/// Its deadline passed.
pub static TIMEOUT: TaskError = TaskError {
    code: "timeout",
    text: Text {
        en: "The task was not done in time.", hant: "任務未能及時完成。", hans: "任务未能及时完成。"
    },
};

/// Every attempt lost its runner.
pub static POISON: TaskError = TaskError {
    code: "poison",
    text: Text {
        en: "The task was tried several times and its runner was lost each time.",
        hant: "任務多次嘗試，每次都與執行器失去聯繫。",
        hans: "任务多次尝试，每次都与运行器失去联系。",
    },
};

/// Images of the dataset of a training could not be stored.
pub static DATASET_UNAVAILABLE: TaskError = TaskError {
    code: "dataset_unavailable",
    text: Text {
        en: "Images of the dataset could not be copied; the dataset says which.",
        hant: "資料集有圖片無法複製，請見該資料集。",
        hans: "数据集有图片无法复制，请见该数据集。",
    },
};

/// Reasons the drawing API translates; anything else is shown as the runner wrote it.
pub static ALL: [&TaskError; 4] = [&CANCELED, &TIMEOUT, &POISON, &DATASET_UNAVAILABLE];

/// `errorMessage` of the points API by code; `POINTS_OTHER` for any other code.
pub static POINTS: [TaskError; 5] = [
    TaskError {
        code: "canceled",
        text: Text {
            en: "The task was canceled; its points were returned",
            hant: "任務已取消，積分已退還",
            hans: "任务已取消，积分已退还",
        },
    },
    TaskError {
        code: "timeout",
        text: Text {
            en: "The task timed out; its points were returned",
            hant: "任務逾時，積分已退還",
            hans: "任务超时，积分已退还",
        },
    },
    TaskError {
        code: "image_unreachable",
        text: Text {
            en: "A reference image cannot be loaded or is larger than 20 MB; its points were returned",
            hant: "參考圖無法存取或超過 20 MB，積分已退還",
            hans: "参考图无法访问或超过 20 MB，积分已退还",
        },
    },
    TaskError {
        code: "invalid_image",
        text: Text {
            en: "A reference image is not a readable PNG, JPEG or WebP; its points were returned",
            hant: "參考圖不是可讀取的圖片（PNG、JPEG、WebP），積分已退還",
            hans: "参考图不是可读取的图片（PNG、JPEG、WebP），积分已退还",
        },
    },
    TaskError {
        code: "image_too_large",
        text: Text {
            en: "A reference image is too large; its points were returned",
            hant: "參考圖過大，積分已退還",
            hans: "参考图过大，积分已退还",
        },
    },
];

/// `errorMessage` of the points API for every other code.
pub static POINTS_OTHER: Text = Text {
    en: "Generation failed; the points were returned",
    hant: "生成失敗，積分已退還",
    hans: "生成失败，积分已退还",
};
