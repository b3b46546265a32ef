//! The three languages of the platform's texts.

/// A language of the catalogues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese in traditional characters.
    Hant,
    /// Chinese in simplified characters.
    Hans,
}

impl Lang {
    /// The BCP 47 tag for `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Hant => "zh-Hant",
            Lang::Hans => "zh-Hans",
        }
    }
}
