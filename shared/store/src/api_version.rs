//! The two revisions of the drawing API, as far as JSON built by the database differs between them.

/// `v0` is the earlier revision: camelCase keys and some ids as strings. `v1` is the later one: snake_case keys,
/// numeric ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiVersion {
    /// The earlier revision.
    V0,
    /// The later revision.
    #[default]
    V1,
}

impl ApiVersion {
    /// The version of this name; None for any other text.
    pub fn parse(text: &str) -> Option<ApiVersion> {
        match text {
            "v0" => Some(ApiVersion::V0),
            "v1" => Some(ApiVersion::V1),
            _ => None,
        }
    }

    /// Its name, which is also that of its rendering of frames.
    pub fn name(self) -> &'static str {
        match self {
            ApiVersion::V0 => "v0",
            ApiVersion::V1 => "v1",
        }
    }

    /// A snake_case key in the style of this version.
    pub fn key(self, snake: &str) -> String {
        match self {
            ApiVersion::V1 => snake.to_string(),
            ApiVersion::V0 => camel_case(snake),
        }
    }
}

/// `page_size` → `pageSize`.
pub fn camel_case(snake: &str) -> String {
    let mut out = String::with_capacity(snake.len());
    let mut upper = false;
    for c in snake.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.push(c.to_ascii_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for version in [ApiVersion::V0, ApiVersion::V1] {
            assert_eq!(ApiVersion::parse(version.name()), Some(version));
        }
        for other in ["points", "V1", "v2", ""] {
            assert_eq!(ApiVersion::parse(other), None, "{other}");
        }
    }

    #[test]
    fn keys_have_the_style_of_the_version() {
        assert_eq!(ApiVersion::V0.key("num_inference_steps"), "numInferenceSteps");
        assert_eq!(ApiVersion::V1.key("num_inference_steps"), "num_inference_steps");
        assert_eq!(camel_case("id"), "id");
    }
}
