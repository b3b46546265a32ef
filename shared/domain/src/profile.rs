//! The two revisions of the drawing API: `v1` (snake_case, numeric ids) and `v0` (camelCase, string ids for some).

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Profile {
    V0,
    #[default]
    V1,
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
            Profile::V1 => snake.to_string(),
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
    #[test]
    fn camel_case() {
        assert_eq!(super::camel("num_inference_steps"), "numInferenceSteps");
        assert_eq!(super::camel("id"), "id");
    }
}
