//! What operators get, used as they would use it: one binary, so that it links once.

mod deploying;
mod documents;
mod observability;
mod packaging;
mod support;
