//! The signals that ask the process to end: once, and once more.
//!
//! They are waited for on a thread and a runtime of their own, because the second one ends the
//! process whatever the other threads are doing.
//!
//! Another one would end it without a word: that a file has reached the limit of the size of files.
//! Nobody waits for it, since whoever writes the file is told by an error as well.

use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use rustix::process::Signal as SignalNumber;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::lifecycle::Shutdown;

/// How long the process has after the second signal to write its last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// What shells and supervisors take for "ended by this signal": 128 and its number.
const ENDED_BY: u8 = 128;

/// Which signals have come so far.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    first: CancellationToken,
    interrupted: Arc<AtomicBool>,
    second: CancellationToken,
    exit_code: Arc<AtomicU8>,
}

impl Signals {
    /// Begins to wait for them; from now on none ends the process by itself.
    ///
    /// # Errors
    /// When the system gives no handler, thread or runtime.
    pub fn watch() -> io::Result<Self> {
        let signals = Self::default();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let watched = {
            let _runtime = runtime.enter();
            // The handler of tokio stays, though nobody asks whether it came.
            drop(signal(SignalKind::from_raw(SignalNumber::XFSZ.as_raw()))?);
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
        };
        let waiting = signals.clone();
        let wait = move || runtime.block_on(waiting.wait(watched));
        std::thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
        Ok(signals)
    }

    #[expect(clippy::disallowed_methods, reason = "whoever would return to main may never do so")]
    async fn wait(self, (mut terminate, mut interrupt): (Signal, Signal)) {
        let kind = next(&mut terminate, &mut interrupt).await;
        self.interrupted.store(kind == SignalKind::interrupt(), Ordering::Relaxed);
        self.first.cancel();
        let kind = next(&mut terminate, &mut interrupt).await;
        let number = u8::try_from(kind.as_raw_value()).unwrap_or_default();
        let code = ENDED_BY.saturating_add(number);
        self.exit_code.store(code, Ordering::Relaxed);
        self.second.cancel();
        tokio::time::sleep(LAST_LINES).await;
        // Still here: the thread that should have noticed is busy.
        std::process::exit(code.into());
    }

    /// Waits until the process is asked to end, and says by what.
    pub fn first(&self) -> impl Future<Output = Shutdown> + Send + 'static {
        let signals = self.clone();
        async move {
            signals.first.cancelled().await;
            if signals.interrupted.load(Ordering::Relaxed) {
                Shutdown::Interrupted
            } else {
                Shutdown::Requested
            }
        }
    }

    /// Waits until it is asked once more.
    pub fn second(&self) -> impl Future<Output = ()> + Send + 'static {
        self.second.clone().cancelled_owned()
    }

    /// The exit code of a process that was asked twice.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit_code.load(Ordering::Relaxed))
    }
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> SignalKind {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate(),
        _ = interrupt.recv() => SignalKind::interrupt(),
    }
}
