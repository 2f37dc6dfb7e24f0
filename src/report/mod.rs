//! Diagnostics → text for people.
//!
//! In: diagnostics and the files they point into. Out: text; printing it is the caller's. Knows no stage.

mod human;

pub use human::human;
