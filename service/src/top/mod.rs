//! `fanfare top`: how a running server is, in a terminal, by what its admin listener tells.
//!
//! `asking` looks every second, `view` holds what is shown, `draw` makes cells of it; the same cells are
//! printed as text where there is no terminal.

mod amounts;
mod asking;
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

pub use asking::TopError;

use crate::config::TopSettings;
use asking::Asking;
use view::ServerView;

/// Shows a server until its user has seen enough.
///
/// # Errors
/// Says why it cannot be watched, and what to do.
pub fn run(settings: &TopSettings) -> Result<(), TopError> {
    let asking = Asking::new(settings)?;
    // What is wrong at the first look is said before the screen is taken.
    let view = ServerView::new(settings.admin.to_string(), asking.look()?);
    if settings.json || settings.once || !io::stdout().is_terminal() {
        return print(view, &asking, settings, &mut io::stdout());
    }
    terminal::watch(view, asking, settings)
}

/// Rates take a second look, so nothing is printed of the first.
fn print(
    mut view: ServerView,
    asking: &Asking,
    settings: &TopSettings,
    output: &mut impl Write,
) -> Result<(), TopError> {
    loop {
        thread::sleep(settings.interval);
        view.take(asking.look()?);
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
