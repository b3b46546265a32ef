//! What a picture shows, found by comparing it with renders of scenes. Must not know how pictures come to be.

mod command;
mod fit;
mod judge;
mod picture;
mod seen;
mod table;
mod verdict;

pub use command::Measure;
pub use judge::Judge;
pub use seen::{Seen, look};
pub use table::Tally;
pub use verdict::Verdict;
