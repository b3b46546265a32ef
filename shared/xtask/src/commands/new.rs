//! `cargo xtask new NAME`: creates a resource that compiles and passes its tests: the crate, its table, its manifests,
//! its OpenAPI document and its golden replies. The developer then changes it.

mod names;

use std::fs;

use anyhow::{Context, Result, ensure};

use names::ResourceName;

use super::{manifests, openapi};
use crate::support::command::{cargo, run_visibly};
use crate::support::workspace::Workspace;

/// Files of the crate: (path, text). [`ResourceName::fill`] lists the placeholders.
const FILES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../template/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("../../template/src/lib.rs.txt")),
    ("src/api.rs", include_str!("../../template/src/api.rs.txt")),
    ("src/model.rs", include_str!("../../template/src/model.rs.txt")),
    ("src/sql.rs", include_str!("../../template/src/sql.rs.txt")),
    ("src/tests.rs", include_str!("../../template/src/tests.rs.txt")),
];
const MIGRATION: &str = include_str!("../../template/migration.sql.txt");

#[derive(clap::Args)]
pub struct Args {
    /// The name of the resource in the plural, such as articles or art-stories
    name: String,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let name = ResourceName::parse(&args.name)?;
    let package = name.as_str();
    ensure!(!workspace.has_member(package), "there is already a crate {package}");
    let dir = workspace.path("functions").join(package);
    ensure!(!dir.exists(), "{} already exists", dir.display());

    for (file, template) in FILES {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        fs::write(path, name.fill(template))?;
    }
    let migration = format!("{:04}_{}.sql", next_migration(workspace)?, name.table());
    fs::write(workspace.path("shared/migrations").join(&migration), name.fill(MIGRATION))?;

    let workspace = Workspace::load()?;
    // The order of imports and the line breaks depend on the name.
    run_visibly(cargo(&workspace).args(["fmt", "-p", package]))?;
    manifests::run(&workspace, &manifests::Args { check: false })?;
    openapi::run(&workspace, &openapi::Args { check: false })?;
    let mut golden = cargo(&workspace);
    golden.args(["test", "--quiet", "--lib", "-p", package, "--", "golden"]).env("UPDATE_GOLDEN", "1");
    run_visibly(&mut golden)?;
    println!("created functions/{package} and shared/migrations/{migration}; try: cargo test -p {package}");
    Ok(())
}

/// The number after that of the last migration.
fn next_migration(workspace: &Workspace) -> Result<u32> {
    let mut last = 0;
    for entry in fs::read_dir(workspace.path("shared/migrations"))? {
        let name = entry?.file_name();
        let number = name.to_string_lossy().split('_').next().and_then(|number| number.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words in braces that the templates use for themselves: path parameters and SQL formats.
    const NOT_PLACEHOLDERS: [&str; 2] = ["id", "n"];

    /// Words between braces, such as `names` in `/api/{names}`.
    fn words_in_braces(text: &str) -> Vec<&str> {
        let after_brace = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
        let words = after_brace.map(|(word, _)| word).filter(|word| word.chars().all(char::is_alphanumeric));
        words.filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn every_placeholder_is_filled() {
        let name = ResourceName::parse("art-stories").expect("a name");
        for (file, template) in FILES.into_iter().chain([("migration", MIGRATION)]) {
            let text = name.fill(template);
            let left: Vec<&str> =
                words_in_braces(&text).into_iter().filter(|word| !NOT_PLACEHOLDERS.contains(word)).collect();
            assert!(!words_in_braces(template).is_empty(), "{file} has no placeholder");
            assert!(left.is_empty(), "{file} has unknown placeholders: {left:?}");
        }
    }

    #[test]
    fn each_place_has_its_form_of_the_name() {
        let name = ResourceName::parse("art-stories").expect("a name");
        let file = |path: &str| {
            let template = FILES.into_iter().find(|(file, _)| *file == path).map(|(_, template)| template);
            name.fill(template.expect("a template"))
        };
        assert!(file("Cargo.toml").contains("name = \"art-stories\"\n"));
        assert!(file("Cargo.toml").contains("routes = [\"/api/art-stories\"]\n"));
        assert!(file("src/api.rs").contains("use crate::sql::{self, ART_STORIES};\n"));
        assert!(file("src/model.rs").contains("pub struct NewArtStory {"));
        assert!(file("src/sql.rs").contains("INSERT INTO art_stories ("));
        assert!(name.fill(MIGRATION).contains("CREATE TABLE art_stories ("));
    }
}
