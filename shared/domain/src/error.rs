//! One error type for every layer. A `Message` is a catalogue entry with a stable code and its text in three languages;
//! an `Error` is one occurrence of it. The HTTP status and the envelope are decided by the dialects in `web`.

use std::borrow::Cow;

use crate::Lang;
use crate::messages::{INVALID_PARAMETER, MISSING_PARAMETER};
use crate::text::{Arg, Phrase, Text};

/// The sort of a failure; dialects map it to a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named after its HTTP status")]
pub enum Kind {
    Malformed,
    Unauthenticated,
    PaymentRequired,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    TooLarge,
    UnsupportedMedia,
    Unprocessable,
    TooMany,
    OutOfRange,
    Unavailable,
    Internal,
}

/// An entry of the catalogue in `messages`.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// Stable, in snake_case: clients branch on it.
    pub code: &'static str,
    /// Decides the status.
    pub kind: Kind,
    /// For people; arguments are filled from `Error::args`.
    pub text: Text,
}

impl Message {
    /// An occurrence of the message.
    pub fn error(&'static self) -> Error {
        Error { message: self, args: Vec::new(), field: None, retry_after: None, cause: None }
    }

    /// An occurrence about one field or parameter of the request.
    pub fn on(&'static self, field: impl Into<Cow<'static, str>>) -> Error {
        self.error().field(field)
    }
}

/// A failure on its way to the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// Code, kind and text.
    pub message: &'static Message,
    /// Arguments of the text.
    pub args: Vec<Arg>,
    /// The field or parameter of the request that is to blame.
    pub field: Option<Cow<'static, str>>,
    /// Seconds until another try makes sense.
    pub retry_after: Option<u32>,
    /// For the log only; it never leaves the system.
    pub cause: Option<String>,
}

impl Error {
    /// `{field} must be {expected}.`
    pub fn invalid(field: impl Into<Cow<'static, str>>, expected: impl Into<Phrase>) -> Error {
        let field = field.into();
        INVALID_PARAMETER.on(field.clone()).arg(&*field).arg(expected.into())
    }

    /// `{field} is required.`
    pub fn missing(field: impl Into<Cow<'static, str>>) -> Error {
        let field = field.into();
        MISSING_PARAMETER.on(field.clone()).arg(&*field)
    }

    /// The sort of the failure.
    pub fn kind(&self) -> Kind {
        self.message.kind
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.message.code
    }

    /// Names the field that is to blame.
    pub fn field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Adds an argument of the text.
    pub fn arg(mut self, value: impl Into<Arg>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Adds what the log should say about the cause.
    pub fn cause(mut self, cause: impl ToString) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Says in how many seconds another try makes sense.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The message for a person, in their language.
    pub fn text(&self, lang: Lang) -> String {
        self.message.text.fill(lang, &self.args)
    }
}

/// An occurrence without a field, for places that take either.
impl From<&'static Message> for Error {
    fn from(message: &'static Message) -> Error {
        message.error()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code(), self.text(Lang::En))?;
        if let Some(field) = &self.field {
            write!(f, " [{field}]")?;
        }
        if let Some(cause) = &self.cause {
            write!(f, " ({cause})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phrases;

    #[test]
    fn invalid_and_missing_fields_are_named_in_the_text() {
        let error = Error::invalid("seed", phrases::AT_MOST.with([9_i64]));
        assert_eq!((error.code(), error.field.as_deref()), ("invalid_parameter", Some("seed")));
        assert_eq!(error.text(Lang::En), "seed must be at most 9.");
        assert_eq!(error.text(Lang::Hant), "seed 必須是不大於 9 的數字。");
        assert_eq!(Error::missing("name").text(Lang::Hans), "缺少必填的 name。");
    }

    #[test]
    fn the_cause_is_for_the_log() {
        let error = INVALID_PARAMETER.on("a").cause("secret");
        assert!(error.to_string().contains("secret") && !error.text(Lang::En).contains("secret"));
    }
}
