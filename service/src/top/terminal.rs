//! A screen that is drawn anew at each sample, key and change of its size.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use std::{io, pin::pin};

use futures_util::FutureExt as _;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::admin_client::{AdminClient, TopError};
use super::draw::{self, Palette};
use super::status::StatusSample;
use super::view::{KeyCommand, ServerView};
use crate::config::TopSettings;
use crate::signals::Signals;

/// How long a sample may wait to be shown, and a signal to be heeded.
const PATIENCE: Duration = Duration::from_millis(100);
const PAGE: usize = 10;

type StatusSamples = Receiver<Result<StatusSample, TopError>>;

/// Shows the server until its user has seen enough, or the process is told to end.
pub(super) fn watch(
    mut view: ServerView,
    admin_client: AdminClient,
    settings: &TopSettings,
) -> Result<(), TopError> {
    let signals = Signals::watch()?;
    let samples = sample_again(admin_client, settings.interval)?;
    let palette = Palette { colours: settings.colours };
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, &mut view, &samples, palette, &signals);
    // In any case, or the shell behind it could not be used.
    let restored = ratatui::try_restore();
    Ok(shown.and(restored)?)
}

/// On a thread of its own: a server that is slow to answer keeps no key waiting.
fn sample_again(admin_client: AdminClient, interval: Duration) -> io::Result<StatusSamples> {
    let (sender, samples): (SyncSender<_>, _) = sync_channel(1);
    let sample = move || {
        loop {
            let began = Instant::now();
            // Nobody waits for it at the end.
            if sender.send(admin_client.sample()).is_err() {
                return;
            }
            thread::sleep(interval.saturating_sub(began.elapsed()));
        }
    };
    thread::Builder::new().name("samples".to_owned()).spawn(sample)?;
    Ok(samples)
}

fn show(
    terminal: &mut DefaultTerminal,
    view: &mut ServerView,
    samples: &StatusSamples,
    palette: Palette,
    signals: &Signals,
) -> io::Result<()> {
    let mut told = pin!(signals.first());
    let mut is_new = true;
    while !view.has_ended() && told.as_mut().now_or_never().is_none() {
        if is_new {
            terminal
                .draw(|frame| draw::draw(view, palette, true, frame.area(), frame.buffer_mut()))?;
        }
        is_new = event::poll(PATIENCE)?;
        if is_new && let Event::Key(key) = event::read()? {
            key_of(key).into_iter().for_each(|key| view.press(key));
        }
        match samples.try_recv() {
            Ok(Ok(sample)) => view.take(sample),
            Ok(Err(error)) => view.fail(error.to_string()),
            Err(TryRecvError::Empty) => continue,
            Err(TryRecvError::Disconnected) => {
                return Err(io::Error::other("nobody samples any more"));
            }
        }
        is_new = true;
    }
    Ok(())
}

/// What a key means here, if it means anything.
pub(super) fn key_of(key: KeyEvent) -> Option<KeyCommand> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match key.code {
        // In raw mode it is a key like any other.
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
            Some(KeyCommand::Quit)
        }
        KeyCode::Char('q') | KeyCode::Esc => Some(KeyCommand::Quit),
        KeyCode::Char('s') => Some(KeyCommand::Sort),
        KeyCode::Char('p') => Some(KeyCommand::Pause),
        KeyCode::Up => Some(KeyCommand::Up(1)),
        KeyCode::Down => Some(KeyCommand::Down(1)),
        KeyCode::PageUp => Some(KeyCommand::Up(PAGE)),
        KeyCode::PageDown => Some(KeyCommand::Down(PAGE)),
        KeyCode::Home => Some(KeyCommand::Top),
        _ => None,
    }
}
