//! The files of a directory: which may be pictures, and which are their captions. Opens none of them.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::caption;
use super::problem;
use crate::{Code, DrawError};

/// Of these the names, sizes and hashes are some 20 MB.
pub const MAX_PICTURES: usize = 100_000;
/// The largest photographs have a third of it.
const MAX_BYTES: u64 = 256 << 20;

/// What names say of a file, in small letters.
const PICTURES: [&str; 15] =
    ["png", "jpg", "jpeg", "jfif", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "psd", "svg"];

/// A file that is a picture, if what it holds is one.
#[derive(Debug)]
pub struct Candidate {
    pub picture: OsString,
    pub caption: Option<OsString>,
}

/// What is in a directory by its names, and what is wrong with them.
pub struct Found {
    pub candidates: Vec<Candidate>,
    pub problems: Vec<(OsString, String)>,
}

/// In the order of the names' bytes. More than `most` files, captions apart, are an error, as are more captions.
pub fn list(dir: &Path, most: usize) -> Result<Found, DrawError> {
    let unreadable = |e: std::io::Error| DrawError::new(Code::DatasetNotFound, e.to_string()).at(dir.display());
    let (mut pictures, mut captions, mut problems) = (Vec::new(), HashMap::new(), Vec::new());
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        if [pictures.len(), captions.len(), problems.len()].into_iter().any(|count| count > most) {
            return Err(problem(format!("more than {most} files are not learnt from")).at(dir.display()));
        }
        let name = entry.map_err(unreadable)?.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // Of what a link leads to. Opening a pipe would wait for who writes into it.
        match fs::metadata(dir.join(&name)) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(metadata) if metadata.is_dir() => {
                problems.push((name, "a directory: pictures are looked for beside it, not in it".into()));
                continue;
            }
            Ok(_) => {
                problems.push((name, "neither a file nor a directory".into()));
                continue;
            }
            Err(e) => {
                problems.push((name, e.to_string()));
                continue;
            }
        }
        match extension(&name).as_deref() {
            Some("txt") => drop(captions.insert(stem(&name), name)),
            _ => pictures.push(name),
        }
    }
    pictures.sort_unstable();
    let candidates = pictures.into_iter().map(|picture: OsString| {
        let caption = captions.get(&stem(&picture)).cloned();
        Candidate { picture, caption }
    });
    Ok(Found { candidates: candidates.collect(), problems })
}

impl Candidate {
    pub fn is_named_as_picture(&self) -> bool {
        extension(&self.picture).is_some_and(|extension| PICTURES.contains(&extension.as_str()))
    }

    /// Whether it is one of those that are read, by how it begins.
    pub fn is_picture(&self, dir: &Path) -> Result<bool, DrawError> {
        let mut start = Vec::new();
        let file = File::open(dir.join(&self.picture)).map_err(unreadable)?;
        file.take(16).read_to_end(&mut start).map_err(unreadable)?;
        Ok(crate::picture::is_picture(&start))
    }

    /// The picture's bytes, and what is learnt with it.
    pub fn read(&self, dir: &Path, trigger: Option<&str>) -> Result<(Vec<u8>, String), DrawError> {
        let picture = read(&dir.join(&self.picture), MAX_BYTES)?;
        let caption = match &self.caption {
            // One byte more tells that it is too long.
            Some(name) => read(&dir.join(name), caption::MAX_BYTES as u64 + 1).and_then(|text| caption::read(&text)),
            None => Ok(String::new()),
        };
        let caption = caption::with_trigger(&caption?, trigger);
        if caption.is_empty() {
            return Err(problem("no caption in a text file of the same name, and no trigger words".into()));
        }
        Ok((picture, caption))
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, DrawError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > MAX_BYTES {
        return Err(problem(format!("{length} bytes are too many")));
    }
    file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn unreadable(e: std::io::Error) -> DrawError {
    problem(e.to_string())
}

fn extension(name: &OsStr) -> Option<String> {
    Some(Path::new(name).extension()?.to_str()?.to_lowercase())
}

fn stem(name: &OsStr) -> OsString {
    Path::new(name).file_stem().unwrap_or(name).to_os_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_in_order_with_their_captions() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.png", "B.JPG", "a b.webp", "a b.TXT", "b.txt", ".hidden.png", "c.png", "d.txt"] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        let found = list(dir.path(), 4).unwrap();
        let text = |name: &OsString| name.to_str().unwrap().to_string();
        let seen: Vec<_> = found.candidates.iter().map(|c| (text(&c.picture), c.caption.as_ref().map(text))).collect();
        let some = |name: &str| Some(name.to_string());
        let expected = [("B.JPG", None), ("a b.webp", some("a b.TXT")), ("b.png", some("b.txt")), ("c.png", None)];
        assert_eq!(seen, expected.map(|(picture, caption)| (picture.to_string(), caption)));
        assert!(found.problems.is_empty());
        fs::write(dir.path().join("e.png"), b"x").unwrap();
        fs::write(dir.path().join("f.png"), b"x").unwrap();
        assert_eq!(list(dir.path(), 4).err().map(|e| e.code), Some(Code::DatasetInvalid));
    }
}
