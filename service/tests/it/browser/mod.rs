//! The pages in a real Chromium, and the browser's own `EventSource`.
//!
//! What no other client can show: that the pages come to life, that a browser takes what we send
//! as the standard says, that it may ask from another origin, and that it finds its place again
//! after the connection or the server went away. Chromium is driven by its own chromedriver, a
//! fresh one for each test.

/// The page of the admin listener.
mod admin;

/// Starting and ending a Chromium.
mod chromium;

pub(crate) use chromium::Chromium;

/// A line to the server that can be cut.
mod line;

/// What a test does with a page, and what it sees there.
mod page;

pub(crate) use page::sees;

/// What a checker of accessibility says of every page.
mod accessibility;

/// Publishing and subscribing by hand.
mod console;

/// What arrives in the console.
mod console_list;

/// The topics in the console.
mod console_topics;

/// The clock, the system monitor and the stock ticker.
mod demonstrations;

/// The browser's own reading of our streams.
mod event_source;

/// What pages of both dialects receive.
mod dialects;

/// Pages from elsewhere.
mod origins;

/// A website from which pages with libraries come.
mod site;

pub(crate) use site::{RESOLVE, Site};

/// What those libraries make of our streams.
mod libraries;

/// A component that comes, changes and goes.
mod hook;

/// A server that speaks TLS.
mod secure;

/// Every page comes to life, and complains about nothing.
mod pages;

/// The connection or the server goes away, and comes back.
mod recovery;

/// Readers that the server has of its own.
mod readers;

/// A run of words, and who reads it.
mod runs;

/// The run that begins with a click.
mod training;
