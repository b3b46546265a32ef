//! The descriptions of entries in the points API, in three languages.

use domain::text::Text;

/// A task was submitted.
pub static SUBMITTED: Text = Text { en: "Task submitted", hant: "提交任務", hans: "提交任务" };

/// A task was not completed.
pub static RETURNED: Text =
    Text {
        en: "Task not completed; points returned", hant: "任務未完成，積分退還", hans: "任务未完成，积分退还"
    };

/// A grant expired.
pub static EXPIRED: Text = Text { en: "Points expired", hant: "積分過期", hans: "积分过期" };

/// The gift to a new account.
pub static SIGNUP: Text = Text { en: "Sign-up gift", hant: "註冊贈送", hans: "注册赠送" };

/// A code was redeemed.
pub static REDEEMED: Text = Text { en: "Code redeemed", hant: "兌換碼兌換", hans: "兑换码兑换" };

/// An administrator gave points without a reason.
pub static GRANTED: Text = Text { en: "Granted by an administrator", hant: "管理員發放", hans: "管理员发放" };

/// The account was removed.
pub static FORFEITED: Text = Text { en: "Account removed", hant: "帳號註銷", hans: "账号注销" };
