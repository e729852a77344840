//! `fanfare top`: how a running server is, in a terminal, by what its admin listener tells.
//!
//! `admin_client` takes a sample every second, `view` holds what is shown, `draw` makes cells of it; the same cells are
//! printed as text where there is no terminal.

mod admin_client;
mod amounts;
mod draw;
mod rates;
mod snapshot;
mod status;
mod terminal;
mod view;

#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::thread;

pub use admin_client::TopError;

use crate::config::TopSettings;
use admin_client::AdminClient;
use view::ServerView;

/// Shows a server until its user has seen enough.
///
/// # Errors
/// Says why it cannot be watched, and what to do.
pub fn run(settings: &TopSettings) -> Result<(), TopError> {
    let admin_client = AdminClient::new(settings)?;
    // What is wrong at the first sample is said before the screen is taken.
    let view = ServerView::new(settings.admin.to_string(), admin_client.sample()?);
    if settings.json || settings.once || !io::stdout().is_terminal() {
        return print(view, &admin_client, settings, &mut io::stdout());
    }
    terminal::watch(view, admin_client, settings)
}

/// Rates take a second sample, so nothing is printed of the first.
fn print(
    mut view: ServerView,
    admin_client: &AdminClient,
    settings: &TopSettings,
    output: &mut impl Write,
) -> Result<(), TopError> {
    loop {
        thread::sleep(settings.interval);
        view.take(admin_client.sample()?);
        let text = if settings.json {
            format!("{}\n", snapshot::json(&view))
        } else {
            snapshot::text(&view)
        };
        match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
            // Whoever read it has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
        if settings.once || !settings.json {
            return Ok(());
        }
    }
}
