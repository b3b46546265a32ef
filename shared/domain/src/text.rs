//! Texts for people, each in the platform's three languages, with `{0}`, `{1}` for arguments. The catalogues are in
//! `messages`, `phrases` and `task_errors`; which language is shown is decided per request in `web`.

use crate::Lang;

/// One text in three languages; `{0}`, `{1}` stand for arguments.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Chinese in traditional characters.
    pub hant: &'static str,
    /// Chinese in simplified characters.
    pub hans: &'static str,
}

impl Text {
    /// The text in one language, its arguments still open.
    pub fn of(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Hant => self.hant,
            Lang::Hans => self.hans,
        }
    }

    /// The text with its arguments.
    pub fn with<A: Into<Arg>>(&'static self, args: impl IntoIterator<Item = A>) -> Phrase {
        Phrase { text: self, args: args.into_iter().map(Into::into).collect() }
    }

    /// The text in one language with `args` filled in.
    pub fn fill(&self, lang: Lang, args: &[Arg]) -> String {
        let mut filled = self.of(lang).to_string();
        for (i, arg) in args.iter().enumerate() {
            filled = filled.replace(&format!("{{{i}}}"), &arg.of(lang));
        }
        filled
    }
}

/// A text with its arguments, which may stand inside another text.
#[derive(Clone, Debug, PartialEq)]
pub struct Phrase {
    /// Where the arguments go.
    pub text: &'static Text,
    /// In the order of their numbers.
    pub args: Vec<Arg>,
}

impl From<&'static Text> for Phrase {
    fn from(text: &'static Text) -> Phrase {
        Phrase { text, args: Vec::new() }
    }
}

/// An argument of a text: the same in every language, or itself a phrase.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// The same in every language.
    Verbatim(String),
    /// Translated with the text around it.
    Phrase(Phrase),
}

impl Arg {
    fn of(&self, lang: Lang) -> String {
        match self {
            Arg::Verbatim(text) => text.clone(),
            Arg::Phrase(phrase) => phrase.text.fill(lang, &phrase.args),
        }
    }
}

impl From<Phrase> for Arg {
    fn from(phrase: Phrase) -> Arg {
        Arg::Phrase(phrase)
    }
}

impl From<&'static Text> for Arg {
    fn from(text: &'static Text) -> Arg {
        Arg::Phrase(text.into())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Arg {
        Arg::Verbatim(text)
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Arg {
        Arg::Verbatim(text.to_string())
    }
}

/// Numbers, in digits.
macro_rules! from_numbers {
    ($($number:ty)*) => {
        $(impl From<$number> for Arg {
            fn from(number: $number) -> Arg {
                Arg::Verbatim(number.to_string())
            }
        })*
    };
}

from_numbers!(i64 u64 usize u32);

#[cfg(test)]
mod tests {
    use super::*;

    static OUTER: Text = Text { en: "{0} must be {1}.", hant: "{0} 必須是{1}。", hans: "{0} 必须是{1}。" };
    static INNER: Text = Text { en: "at most {0}", hant: "不大於 {0} 的數", hans: "不大于 {0} 的数" };

    #[test]
    fn phrases_inside_texts_are_translated_with_them() {
        let args = [Arg::from("seed"), Arg::from(INNER.with([7_i64]))];
        assert_eq!(OUTER.fill(Lang::En, &args), "seed must be at most 7.");
        assert_eq!(OUTER.fill(Lang::Hant, &args), "seed 必須是不大於 7 的數。");
        assert_eq!(OUTER.fill(Lang::Hans, &args), "seed 必须是不大于 7 的数。");
    }

    #[test]
    fn a_missing_argument_leaves_its_place_open() {
        assert_eq!(INNER.fill(Lang::En, &[]), "at most {0}");
    }
}
