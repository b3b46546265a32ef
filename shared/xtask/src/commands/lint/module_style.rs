//! Checks that a module with submodules is `name.rs` beside the folder `name/`, never `name/mod.rs`.

/// Finds every `mod.rs` in a crate's `src`.
pub fn problems(files: &[String]) -> Vec<String> {
    files.iter().filter_map(|path| Some(format!("{path}: rename it to {}", expected_path(path)?))).collect()
}

/// The path that a module file should have; none when it has that path already.
fn expected_path(path: &str) -> Option<String> {
    let folder = path.strip_suffix("/mod.rs")?;
    folder.split('/').any(|part| part == "src").then(|| format!("{folder}.rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mod_rs_is_found_in_sources() {
        let files = [
            "shared/a/src/lib.rs",
            "shared/a/src/model.rs",
            "shared/a/src/model/mod.rs",
            "shared/a/src/model/premod.rs",
            "shared/a/tests/common/mod.rs",
            "shared/a/template/mod.rs.txt",
        ];
        let found = problems(&files.map(str::to_owned));
        assert_eq!(found, ["shared/a/src/model/mod.rs: rename it to shared/a/src/model.rs"]);
    }
}
