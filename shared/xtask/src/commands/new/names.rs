//! The name of a new resource, in the forms that its files need.

use anyhow::{Result, ensure};

/// Maximum length of a name in characters.
const MAX_LENGTH: usize = 40;

/// A name in the plural: lower-case words joined by hyphens, such as `art-stories`.
#[derive(Debug, PartialEq, Eq)]
pub struct ResourceName(String);

impl ResourceName {
    /// Checks a name.
    ///
    /// # Errors
    /// An underscore; a word that is empty or does not begin with a lower-case letter; any character but lower-case
    /// ASCII letters, digits and hyphens; more than 40 characters.
    pub fn parse(name: &str) -> Result<Self> {
        ensure!(
            !name.contains('_'),
            "{name:?} has an underscore: the folder of a function is its route, so write {:?}",
            name.replace('_', "-")
        );
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        ensure!(
            name.len() <= MAX_LENGTH && name.split('-').all(is_word),
            "{name:?} is not a name: use a plural of at most {MAX_LENGTH} lower-case letters, digits and hyphens, \
             such as articles or art-stories"
        );
        Ok(Self(name.to_owned()))
    }

    /// The name of the crate, of its folder and in its route: `art-stories`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the table: `art_stories`.
    pub fn table(&self) -> String {
        self.0.replace('-', "_")
    }

    /// Replaces the placeholders of a template:
    ///
    /// | placeholder | value | use |
    /// |---|---|---|
    /// | `{names}` | `art-stories` | crate, route |
    /// | `{table}` | `art_stories` | table, index |
    /// | `{NAMES}` | `ART_STORIES` | constant, static |
    /// | `{Name}` | `ArtStory` | type, in the singular |
    /// | `{words}` | `art stories` | text |
    /// | `{Words}` | `Art stories` | text at the start of a sentence |
    pub fn fill(&self, template: &str) -> String {
        let words = self.0.replace('-', " ");
        template
            .replace("{names}", &self.0)
            .replace("{table}", &self.table())
            .replace("{NAMES}", &self.table().to_ascii_uppercase())
            .replace("{Name}", &camel_case(&singular(&self.0)))
            .replace("{Words}", &capitalized(&words))
            .replace("{words}", &words)
    }
}

/// Turns an English plural into its singular, for the regular endings `-ies` and `-s`.
fn singular(plural: &str) -> String {
    match plural.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => plural.strip_suffix('s').unwrap_or(plural).to_owned(),
    }
}

/// Turns `art-story` into `ArtStory`.
fn camel_case(name: &str) -> String {
    name.split('-').map(capitalized).collect()
}

/// Turns the first letter into upper case.
fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_words_joined_by_hyphens() {
        for name in ["articles", "art-stories", "a", "points-config", "layers2", "x-y-z", &"s".repeat(MAX_LENGTH)] {
            assert!(ResourceName::parse(name).is_ok(), "{name}");
        }
        let too_long = "s".repeat(MAX_LENGTH + 1);
        for name in [
            "",
            "-",
            "art-",
            "-art",
            "art--stories",
            "art-3d",
            "3d",
            "Art",
            "art stories",
            "b\u{e9}b\u{e9}s",
            &too_long,
        ] {
            assert!(ResourceName::parse(name).is_err(), "{name}");
        }
        for name in ["../art", "art/stories", "art.stories", "art'"] {
            assert!(ResourceName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_underscore_is_refused_with_the_hyphenated_name() {
        let error = ResourceName::parse("art_stories").expect_err("an underscore").to_string();
        assert!(error.contains("the folder of a function is its route, so write \"art-stories\""), "{error}");
    }

    #[test]
    fn placeholders_take_the_forms_of_the_name() {
        let filled = |name: &str| {
            let name = ResourceName::parse(name).expect("a name");
            name.fill("{names} {table} {NAMES} New{Name} {words}, {Words} {id}")
        };
        assert_eq!(
            filled("art-stories"),
            "art-stories art_stories ART_STORIES NewArtStory art stories, Art stories {id}"
        );
        assert_eq!(filled("tags"), "tags tags TAGS NewTag tags, Tags {id}");
        assert_eq!(
            filled("points-config"),
            "points-config points_config POINTS_CONFIG NewPointsConfig points config, Points config {id}"
        );
    }

    #[test]
    fn singulars_have_the_regular_endings() {
        for (plural, expected) in
            [("stories", "story"), ("tags", "tag"), ("art-stories", "art-story"), ("data", "data")]
        {
            assert_eq!(singular(plural), expected);
        }
    }
}
