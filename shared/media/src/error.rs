//! Reasons to refuse a file. Must not know the API's error codes: callers map to those.

use std::fmt;

use crate::MAX_PIXELS;

/// Reason why a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Damaged, cut off, or of a kind that is not read. The reason is for a log.
    Invalid(&'static str),
    /// Width × height is above [`MAX_PIXELS`].
    TooManyPixels,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid(reason) => f.write_str(reason),
            Error::TooManyPixels => write!(f, "more than {MAX_PIXELS} pixels"),
        }
    }
}

impl std::error::Error for Error {}
