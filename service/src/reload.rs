//! Other settings while the server runs: SIGHUP reads them again, and what can change does, all of
//! it or nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::admin::AdminAccess;
use crate::auth::Authority;
use crate::config::{Config, Reloaded, SettingsReader};
use crate::file_limit::{FileLimit, TooFewFiles};
use crate::http::HttpServer;
use crate::jwks::KeyFetching;
use crate::logging;
use crate::metrics::Metrics;
use crate::tls::CertificateReload;

/// How long reading may take: a file may be a pipe that nobody writes to, and a name may have to be
/// looked up.
const READ_TIME_MAX: Duration = Duration::from_secs(30);

/// Why settings that can be used are not applied to a server that runs.
#[derive(Debug, Error)]
enum ApplyError {
    #[error(
        "no key for tokens is left, so that everybody could publish; a reload does not do that, restart the server for it"
    )]
    NoKeyLeft,
    #[error(
        "--body-max is larger than what the bodies of all requests may take together, which only a restart changes (--bodies-max, {bodies_max} bytes since the start); lower it, or restart the server"
    )]
    LargerThanAll { bodies_max: usize },
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    #[error(transparent)]
    Logging(#[from] logging::StartError),
}

/// Applies settings to a server that runs.
#[derive(Clone, Debug)]
pub struct Reloader {
    pub(crate) http_server: HttpServer,
    pub(crate) certificates: Option<CertificateReload>,
    pub(crate) fetching: Arc<Mutex<KeyFetching>>,
    pub(crate) metrics: Metrics,
    pub(crate) admin_access: AdminAccess,
}

impl Reloader {
    /// Reads the settings again and applies them. Where they cannot be used, nothing changes, the log
    /// says why, and the metrics show it until they can.
    pub async fn reload(&self, reader: &SettingsReader) {
        let reader = reader.clone();
        let read = timeout(READ_TIME_MAX, spawn_blocking(move || reader.read())).await;
        let reason = match read {
            Ok(Ok(Ok(Reloaded { config, need_restart }))) => match self.apply(&config) {
                Ok(()) => {
                    self.exchange_certificate().await;
                    return self.applied(&need_restart);
                }
                Err(error) => error.to_string(),
            },
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(_)) => "reading them failed".to_owned(),
            Err(_) => format!("reading them takes longer than {} s", READ_TIME_MAX.as_secs()),
        };
        self.metrics.reload_failed();
        let reason = reason.trim();
        tracing::error!(
            reason,
            "the settings were not reloaded, and nothing has changed; mend them, try `fanfare check-config`, and send SIGHUP again"
        );
    }

    fn apply(&self, config: &Config) -> Result<(), ApplyError> {
        // Whoever deletes a line of a file does not mean to let everybody publish.
        let checks_tokens = matches!(self.http_server.authority(), Authority::Tokens { .. });
        if checks_tokens && matches!(config.authority, Authority::Open) {
            return Err(ApplyError::NoKeyLeft);
        }
        // The two were checked together; but what was fitted to the memory was so at the start.
        let bodies_max = self.http_server.body_memory_max();
        if config.http.body_bytes_max > bodies_max {
            return Err(ApplyError::LargerThanAll { bodies_max });
        }
        let files = FileLimit::raise();
        let connections_max = files.connections_max(config.connections_max, config.file_needs())?;
        logging::change_filter(&config.logging)?;
        if let Authority::Tokens { verifier, .. } = &config.authority
            && let Authority::Tokens { verifier: before, .. } = &self.http_server.authority()
        {
            verifier.begin_with(before);
        }
        *self.fetching.lock().unwrap_or_else(PoisonError::into_inner) =
            KeyFetching::start(&config.authority, &self.metrics);
        self.metrics.connections_limited(connections_max);
        self.admin_access.apply(config.admin_rules());
        self.http_server.apply(config.request_rules(connections_max));
        Ok(())
    }

    /// What becomes of it is logged and counted; the certificate that is served stays where the files
    /// cannot be used.
    async fn exchange_certificate(&self) {
        if let Some(certificates) = self.certificates.clone() {
            let _ = spawn_blocking(move || certificates.reload()).await;
        }
    }

    fn applied(&self, need_restart: &[String]) {
        self.metrics.reload_applied();
        if need_restart.is_empty() {
            tracing::info!("the settings were reloaded");
        } else {
            let settings = need_restart.join(", ");
            tracing::warn!(
                settings,
                "the settings were reloaded, but for these, which have changed and need a restart"
            );
        }
    }
}
