//! Documents, held to what they say: the paths, commands, flags and figures in them.

mod commands;
mod figures;
mod glossary;
mod markdown;
mod paths;
mod pictures;
