//! What may be sent about redeem codes.

use domain::error::Arg;
use domain::form::{Field, Form, Need, Rule};
use domain::ledger::MAX_POINTS;
use domain::messages::INVALID_PARAMETER;
use domain::{Error, Millis};
use serde_json::Value;

pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub struct NewCodes {
    pub points: i64,
    pub count: usize,
    pub max_uses: i64,
    pub expires_at: Option<Millis>,
    /// How long the points last from when they are given, in milliseconds.
    pub grant_ms: Option<i64>,
    pub grant_expires_at: Option<Millis>,
    pub note: String,
}

impl NewCodes {
    pub const FORM: Form = Form(&[
        Field::required(
            "points",
            Rule::Int { min: 1, max: MAX_POINTS, step: 1 },
            ("Points a use gives", "每次兌換的積分"),
        ),
        Field::optional("count", Rule::Int { min: 1, max: 100, step: 1 }, ("How many codes", "兌換碼數量"))
            .or(Need::Int(1)),
        Field::optional(
            "max_uses",
            Rule::Int { min: 1, max: 1_000_000_000, step: 1 },
            ("Uses of each code, once a user", "每個兌換碼可用次數，每人一次"),
        )
        .or(Need::Int(1)),
        Field::optional("expires_at", Rule::Time, ("The codes' end", "兌換碼到期時間")),
        Field::optional(
            "grant_days",
            Rule::Int { min: 1, max: 36_500, step: 1 },
            ("Days the points last", "積分有效天數"),
        ),
        Field::optional(
            "grant_expires_at",
            Rule::Time,
            ("The points' end, in place of days", "積分到期時間，與天數擇一"),
        ),
        Field::optional("note", Rule::Text { min: 0, max: 200 }, ("Note", "備註")),
    ]);

    pub fn read(body: &Value, now: Millis) -> Result<NewCodes, Error> {
        let values = Self::FORM.create(body)?;
        let new = NewCodes {
            points: values.int("points").unwrap_or(0),
            count: values.int("count").and_then(|n| usize::try_from(n).ok()).unwrap_or(1),
            max_uses: values.int("max_uses").unwrap_or(1),
            expires_at: values.future("expires_at", now)?,
            grant_ms: values.int("grant_days").map(|days| days * DAY_MS),
            grant_expires_at: values.future("grant_expires_at", now)?,
            note: values.text("note").unwrap_or_default(),
        };
        if new.grant_ms.is_some() && new.grant_expires_at.is_some() {
            let phrase = Arg::Phrase {
                en: "left out where grant_days is sent".into(),
                hant: "空的，因為已有 grant_days".into(),
                hans: "空的，因为已有 grant_days".into(),
            };
            return Err(INVALID_PARAMETER.on("grant_expires_at").arg("grant_expires_at").phrase(phrase));
        }
        Ok(new)
    }
}
