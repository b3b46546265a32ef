//! The two revisions of the drawing API: `v1` (snake_case, numeric ids) and `v0` (camelCase, string ids for some). The
//! points task API has words of its own, which its columns are written in.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Profile {
    V0,
    #[default]
    V1,
    /// Never asked for by a request: it goes with the addresses of that API.
    Points,
}

impl Profile {
    pub fn parse(text: &str) -> Option<Profile> {
        match text {
            "v0" => Some(Profile::V0),
            "v1" => Some(Profile::V1),
            _ => None,
        }
    }

    /// A snake_case key in this profile's style.
    pub fn key(self, snake: &str) -> String {
        match self {
            Profile::V1 | Profile::Points => snake.to_string(),
            Profile::V0 => camel(snake),
        }
    }
}

/// `page_size` → `pageSize`.
pub fn camel(snake: &str) -> String {
    let mut out = String::with_capacity(snake.len());
    let mut upper = false;
    for c in snake.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Profile;

    #[test]
    fn only_revisions_are_asked_for() {
        assert_eq!(Profile::parse("v0"), Some(Profile::V0));
        for other in ["points", "Points", "v2", ""] {
            assert_eq!(Profile::parse(other), None, "{other}");
        }
        assert_eq!(Profile::Points.key("taskNo"), "taskNo");
    }

    #[test]
    fn camel_case() {
        assert_eq!(super::camel("num_inference_steps"), "numInferenceSteps");
        assert_eq!(super::camel("id"), "id");
    }
}
