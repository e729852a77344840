//! What a release is made of, as far as it can be looked at without compiling one: completions, man
//! pages, the settings and the unit that packages bring, their metadata, and the version.
//! `make dist-test` installs and uses the packages themselves.

mod brought;
mod completions;
mod man_pages;
mod versions;
