//! Errors of this crate. Must not know texts for users: callers map errors to their own messages.

use std::fmt;

/// Reason why an input was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A vector is empty, longer than [`MAX_DIM`](crate::MAX_DIM), or of another dimension than expected.
    Dimension {
        /// Dimension of the vector.
        found: usize,
        /// Required dimension; 0 where any in the limits is accepted.
        expected: usize,
    },
    /// A number is NaN or infinite.
    NotFinite,
    /// A vector has no direction: its length is zero or too near to it.
    NoDirection,
    /// Width, height or channels are out of range, or a row has another length, or rows are missing or too many.
    Pixels,
    /// An id is above [`MAX_ID`](crate::MAX_ID).
    Id,
    /// Stored bytes are cut, damaged, out of order, or hold an id twice.
    Corrupt,
    /// Stored bytes have a format or an encoder that this index does not read.
    Version,
    /// The index is full: 2^32 − 1 rows.
    Full,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Dimension { found, expected: 0 } => return write!(f, "a dimension of {found} is out of range"),
            Self::Dimension { found, expected } => return write!(f, "the dimension is {found}, not {expected}"),
            Self::NotFinite => "a number is NaN or infinite",
            Self::NoDirection => "the vector has no direction",
            Self::Pixels => "the pixels do not fit the size",
            Self::Id => "the id is above 2^53 - 1",
            Self::Corrupt => "the stored bytes are damaged",
            Self::Version => "the stored bytes are of another version",
            Self::Full => "the index is full",
        };
        f.write_str(text)
    }
}

impl std::error::Error for Error {}
