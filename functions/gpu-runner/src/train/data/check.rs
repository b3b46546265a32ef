//! Looks at all of a directory before anything is learnt from it.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::files::{Candidate, MAX_PICTURES, list};
use super::{Buckets, Entry, hash, problem};
use crate::{Code, DrawError, picture};

/// Each may hold the largest picture there can be.
const MAX_THREADS: usize = 4;
/// How many files an error names.
const NAMED: usize = 10;

type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// The pictures of a directory in the order of their names; every one was decoded.
pub fn check(
    dir: &Path,
    buckets: &Buckets,
    trigger: Option<&str>,
    progress: Progress,
) -> Result<Vec<Entry>, DrawError> {
    let found = list(dir, MAX_PICTURES)?;
    let mut problems = found.problems;
    let mut pictures = Vec::with_capacity(found.candidates.len());
    let outcomes = each(found.candidates, |candidate| look(dir, candidate, buckets, trigger), progress);
    for outcome in outcomes {
        match outcome {
            Ok(Some(entry)) => pictures.push(entry),
            Ok(None) => {}
            Err(wrong) => problems.push(wrong),
        }
    }
    if !problems.is_empty() {
        return Err(all_of(problems, pictures.len()).at(dir.display()));
    }
    if pictures.is_empty() {
        let message = "there are no PNG, JPEG or WebP pictures in it";
        return Err(DrawError::new(Code::DatasetEmpty, message).at(dir.display()));
    }
    Ok(pictures)
}

/// None for what is no picture and does not say that it is one.
fn look(
    dir: &Path,
    files: Candidate,
    buckets: &Buckets,
    trigger: Option<&str>,
) -> Result<Option<Entry>, (OsString, String)> {
    let entry = || -> Result<Option<(u32, u32, [u8; 32])>, DrawError> {
        if !files.is_picture(dir)? {
            return match files.is_named_as_picture() {
                true => Err(problem("not a PNG, JPEG or WebP picture, whatever its name says".into())),
                false => Ok(None),
            };
        }
        let (file, caption) = files.read(dir, trigger)?;
        let (width, height) = picture::size(&file)?;
        let (width, height) = buckets.of((width as usize, height as usize))?;
        Ok(Some((width as u32, height as u32, hash(&file, &caption))))
    };
    match entry() {
        Ok(Some((width, height, hash))) => Ok(Some(Entry { files, width, height, hash })),
        Ok(None) => Ok(None),
        Err(e) => Err((files.picture, e.message)),
    }
}

/// What `work` makes of each item, in their order.
fn each<T: Send, U: Send>(items: Vec<T>, work: impl Fn(T) -> U + Sync, progress: Progress) -> Vec<U> {
    let of = items.len();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let (done, left) = (AtomicUsize::new(0), Mutex::new(items.into_iter().enumerate()));
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let some = || {
        let mut made = Vec::new();
        while let Some((at, item)) = next() {
            made.push((at, work(item)));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, of);
        }
        made
    };
    let mut made: Vec<(usize, U)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(some)).collect();
        let mut made = some();
        for other in others {
            match other.join() {
                Ok(more) => made.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    });
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, made)| made).collect()
}

/// One error for all that is wrong: the first ones by name.
fn all_of(mut problems: Vec<(OsString, String)>, pictures: usize) -> DrawError {
    problems.sort_unstable();
    let named: Vec<String> = problems.iter().take(NAMED).map(|(name, why)| format!("{name:?}: {why}")).collect();
    let more = match problems.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let (count, all) = (problems.len(), problems.len() + pictures);
    problem(format!("{count} of {all} files can't be learned from: {}{more}", named.join("; ")))
}
