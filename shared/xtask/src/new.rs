//! `cargo xtask new NAME`: a resource that compiles and passes its tests, to be made one's own: the crate, its table, its
//! manifests and its OpenAPI document.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::setup::{cargo, shown};
use crate::workspace::Workspace;
use crate::{manifests, openapi};

/// Where under the crate each file belongs, and its text with `{names}`, `{Names}`, `{NAMES}` and `{Name}` to be filled.
const FILES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../template/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("../template/src/lib.rs.txt")),
    ("src/api.rs", include_str!("../template/src/api.rs.txt")),
    ("src/model.rs", include_str!("../template/src/model.rs.txt")),
    ("src/store.rs", include_str!("../template/src/store.rs.txt")),
    ("src/tests.rs", include_str!("../template/src/tests.rs.txt")),
];
const MIGRATION: &str = include_str!("../template/migration.sql.txt");

pub fn run(workspace: &Workspace, name: &str) -> Result<()> {
    let good = name.len() <= 40 && name.starts_with(|c: char| c.is_ascii_lowercase());
    let good = good && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    ensure!(good, "{name:?} is no name: take a plural in lower case, like articles");
    ensure!(!workspace.has(name), "there is a crate {name} already");
    let dir = workspace.path("functions").join(name);
    ensure!(!dir.exists(), "{} exists already", dir.display());

    for (file, template) in FILES {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        fs::write(path, fill(template, name))?;
    }
    let migration = format!("{:04}_{name}.sql", next_migration(workspace)?);
    fs::write(workspace.path("shared/migrations").join(&migration), fill(MIGRATION, name))?;

    let workspace = Workspace::load()?;
    // Names sort, and lines break, differently with each name.
    shown(cargo(&workspace).args(["fmt", "-p", name]))?;
    manifests::run(&workspace, false)?;
    openapi::run(&workspace, false)?;
    println!("functions/{name} and shared/migrations/{migration} are yours; try: cargo test -p {name}");
    Ok(())
}

/// One more than the number of the last migration.
fn next_migration(workspace: &Workspace) -> Result<u32> {
    let mut last = 0;
    for entry in fs::read_dir(workspace.path("shared/migrations"))? {
        let name = entry?.file_name();
        let number = name.to_string_lossy().split('_').next().and_then(|number| number.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last + 1)
}

fn fill(template: &str, names: &str) -> String {
    template
        .replace("{names}", names)
        .replace("{NAMES}", &names.to_ascii_uppercase())
        .replace("{Names}", &camel(names))
        .replace("{Name}", &camel(&singular(names)))
}

/// English plurals as far as names of resources go.
fn singular(names: &str) -> String {
    match names.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => names.strip_suffix('s').unwrap_or(names).to_owned(),
    }
}

fn camel(name: &str) -> String {
    let mut upper = true;
    let mut out = String::new();
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else {
            out.push(if upper { c.to_ascii_uppercase() } else { c });
            upper = false;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_filled() {
        for (file, template) in FILES {
            let text = fill(template, "art_stories");
            assert!(!text.contains("{Name") && !text.contains("{NAME") && !text.contains("{name"), "{file}");
        }
        assert!(fill(FILES[1].1, "art_stories").contains("use crate::model::{NewArtStory, ArtStoryPatch};"));
        assert!(fill(MIGRATION, "articles").starts_with("CREATE TABLE articles ("));
    }
}
