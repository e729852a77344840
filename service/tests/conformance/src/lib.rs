//! A black-box conformance suite for hubs of the Mercure protocol, in both of its dialects.
//!
//! It knows a hub by its URL and, where keys are given, by tokens that it makes itself. Each
//! requirement has a stable id, and a check that tells what was sent, expected and received.
//!
//! Imports go downwards only: report, suite, catalogue, checks, hub, stream, token, signing,
//! answer, outcome.

pub mod answer;
pub mod catalogue;
mod checks;
pub mod hub;
pub mod outcome;
pub mod report;
pub mod signing;
pub mod stream;
pub mod suite;
pub mod token;
