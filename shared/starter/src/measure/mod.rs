//! What a picture shows, found by comparing it with renders of scenes. Must not know how pictures come to be.

mod fit;
mod picture;
mod seen;
mod verdict;

pub use seen::{Seen, look};
pub use verdict::Verdict;
