//! What goes wrong: callbacks forged and late, runners killed, the edge stopped. Each test starts an edge of its own
//! and looks at what users see: the task, its pictures, its frames.

mod edge;
mod forged;
mod lost;
mod storm;
