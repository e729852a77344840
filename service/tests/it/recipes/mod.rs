//! The recipes of `docs/recipes`: the code that they print is what runs here, with the libraries that it is
//! for, at a real server and over a line that is cut.

/// Documents, and the files in them.
mod recipe;

/// Every file of every document is run.
mod documents;

/// Tokens of a language model.
mod language_model;

/// The progress of a job.
mod job_progress;

/// Present values, and what changes.
mod dashboard;

/// Programs in several languages that read and publish.
mod programs;

/// An application with the hub in it.
#[cfg(target_os = "linux")]
mod axum;

/// Pages with a library, or none.
mod pages;
