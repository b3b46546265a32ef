//! Checks that no comment line in Rust and SQL files is too long. rustfmt does not check comments.

use std::fs;

use anyhow::{Context, Result};

use crate::support::workspace::Workspace;

/// Maximum width of a line in columns, as in rustfmt.toml.
const MAX_COLUMNS: usize = 120;

/// Finds all comment lines that are too long: `path:line: …`.
pub fn problems(workspace: &Workspace, files: &[String]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in files {
        let Some(marker) = comment_marker(path) else { continue };
        let text = fs::read_to_string(workspace.path(path)).with_context(|| format!("{path} can't be read"))?;
        for (line, columns) in long_comments(&text, marker) {
            problems
                .push(format!("{path}:{line}: the comment has {columns} columns, at most {MAX_COLUMNS} are allowed"));
        }
    }
    Ok(problems)
}

/// The beginning of a comment in this kind of file; none for files that are not checked.
fn comment_marker(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "rs" => Some("//"),
        "sql" => Some("--"),
        _ => None,
    }
}

/// Lines that contain only a comment and are too long: (line number from 1, columns).
fn long_comments<'a>(text: &'a str, marker: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let comments = text.lines().enumerate().filter(move |(_, line)| line.trim_start().starts_with(marker));
    comments.map(|(index, line)| (index + 1, line.chars().count())).filter(|&(_, columns)| columns > MAX_COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_comment_lines_are_found() {
        let fill = |start: &str, columns: usize| format!("{start}{}", "x".repeat(columns - start.chars().count()));
        let text = [
            fill("//! ", 120),
            fill("//! ", 121),
            fill("    /// ", 120),
            fill("    // ", 122),
            fill("let text = \"", 130),
            fill("/// é→界 ", 120),
            fill("/// é→界 ", 121),
        ]
        .join("\n");
        let found: Vec<_> = long_comments(&text, "//").collect();
        assert_eq!(found, [(2, 121), (4, 122), (7, 121)], "columns are characters, not bytes");
    }

    #[test]
    fn rust_and_sql_files_are_checked() {
        assert_eq!(comment_marker("shared/xtask/src/main.rs"), Some("//"));
        assert_eq!(comment_marker("shared/migrations/0001_accounts.sql"), Some("--"));
        assert_eq!(comment_marker("README.md"), None);
        assert_eq!(comment_marker("LICENSE"), None);
        assert_eq!(long_comments(&format!("-- {}\n", "x".repeat(118)), "--").collect::<Vec<_>>(), [(1, 121)]);
    }
}
