//! One error type for every layer. A `Message` is a catalogue entry with a stable code and its three texts; an
//! `Error` is one occurrence of it. What HTTP status or envelope it becomes is decided by the dialects in `web`.

use std::borrow::Cow;

use crate::Lang;

/// What sort of failure it is; dialects map it to a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// A catalogue entry: `{0}`, `{1}` in the texts are filled from `Error::args`.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub code: &'static str,
    pub kind: Kind,
    pub en: &'static str,
    pub hant: &'static str,
    pub hans: &'static str,
}

impl Message {
    pub fn error(&'static self) -> Error {
        Error { message: self, args: Vec::new(), field: None, retry_after: None, cause: None }
    }

    /// The error about one field or parameter of the request.
    pub fn on(&'static self, field: impl Into<Cow<'static, str>>) -> Error {
        self.error().field(field)
    }

    pub fn text(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Hant => self.hant,
            Lang::Hans => self.hans,
        }
    }
}

/// A failure on its way to the caller. `cause` is for the log only and never leaves the system.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    pub message: &'static Message,
    pub args: Vec<Arg>,
    pub field: Option<Cow<'static, str>>,
    /// Seconds until another try makes sense.
    pub retry_after: Option<u32>,
    pub cause: Option<String>,
}

/// A value inside a message: the same in every language, or itself a phrase of the catalogue's languages.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    Text(String),
    Phrase { en: String, hant: String, hans: String },
}

impl Error {
    pub fn kind(&self) -> Kind {
        self.message.kind
    }

    pub fn code(&self) -> &'static str {
        self.message.code
    }

    pub fn field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub fn arg(mut self, value: impl ToString) -> Self {
        self.args.push(Arg::Text(value.to_string()));
        self
    }

    pub fn phrase(mut self, phrase: Arg) -> Self {
        self.args.push(phrase);
        self
    }

    pub fn cause(mut self, cause: impl ToString) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The message for a person, in their language.
    pub fn text(&self, lang: Lang) -> String {
        let mut text = self.message.text(lang).to_string();
        for (i, arg) in self.args.iter().enumerate() {
            let value = match (arg, lang) {
                (Arg::Text(text), _) => text,
                (Arg::Phrase { en, .. }, Lang::En) => en,
                (Arg::Phrase { hant, .. }, Lang::Hant) => hant,
                (Arg::Phrase { hans, .. }, Lang::Hans) => hans,
            };
            text = text.replace(&format!("{{{i}}}"), value);
        }
        text
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
