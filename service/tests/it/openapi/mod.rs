//! The OpenAPI document says what the server does: each operation is tried, with every parameter, in
//! every way that its responses tell of.

/// Tokens, in each place that the document knows.
mod credentials;
/// The document.
mod document;
/// Methods, described and others.
mod methods;
/// Parameters and the fields of bodies, as they are written and misspelt.
mod parameters;
/// Types of problems.
mod problems;
/// Every status of every operation.
mod responses;
/// Servers on which each status can be come to.
mod scene;

use document::{OpenApi, Operation};
use scene::Scene;
