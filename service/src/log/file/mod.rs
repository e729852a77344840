//! The log on disk: a folder of segments that are appended to.

mod batch;
mod chain;
mod disk;
mod identity;
mod index;
mod open_error;
mod segment;
