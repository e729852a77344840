//! What packages bring beside the programs: completions and man pages.

mod completions;
mod man_pages;
