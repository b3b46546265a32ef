//! The files that git tracks.

use anyhow::Result;

use crate::support::command::output;
use crate::support::workspace::Workspace;

/// Paths of all tracked files, relative to the root, without those that are deleted in the working tree.
pub fn list(workspace: &Workspace) -> Result<Vec<String>> {
    let mut git = std::process::Command::new("git");
    let listing = output(git.args(["ls-files", "-z"]).current_dir(&workspace.root))?;
    let paths = listing.split('\0').filter(|path| !path.is_empty());
    Ok(paths.filter(|path| workspace.path(path).is_file()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_file_is_listed() {
        let workspace = Workspace::load().expect("cargo metadata of this workspace");
        let files = list(&workspace).expect("git lists the files");
        assert!(files.iter().any(|path| path == "Cargo.toml"));
        assert!(files.iter().all(|path| workspace.path(path).is_file()));
    }
}
