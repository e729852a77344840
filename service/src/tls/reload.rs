//! Exchanging the certificate of a running server: when it is asked to, and when the files change.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::error::CertificateError;
use super::store::CertificateStore;
use crate::metrics::{CertificateReloadResult, Metrics};

/// How often the files are looked at. A change is taken at the second look that finds it.
const LOOK: Duration = Duration::from_secs(2);
/// With less than this left somebody should know.
const EXPIRES_SOON: Duration = Duration::from_secs(7 * 86_400);

/// Reloads the certificate of a running server; cheap to clone.
#[derive(Clone, Debug)]
pub struct CertificateReload {
    store: Arc<CertificateStore>,
    metrics: Metrics,
}

impl CertificateReload {
    /// Shows from when on the certificate is of no use.
    #[must_use]
    pub fn new(store: Arc<CertificateStore>, metrics: Metrics) -> Self {
        metrics.certificate_expires(store.expires());
        Self { store, metrics }
    }

    /// Reads the files again, counts and logs what came of it. It reads files, so it is nothing for
    /// a thread of the async runtime.
    ///
    /// # Errors
    /// Says what is wrong with the files; then the certificate that was served is served on.
    pub fn reload(&self) -> Result<(), CertificateError> {
        let certificate = self.store.files().certificate.display().to_string();
        match self.store.reload() {
            Ok(()) => {
                let expires = self.store.expires();
                self.metrics.certificate_reloaded(CertificateReloadResult::Success);
                self.metrics.certificate_expires(expires);
                let until = humantime::format_rfc3339_seconds(expires);
                tracing::info!(certificate, expires = %until, "certificate reloaded");
                self.warn_if_it_expires_soon();
                Ok(())
            }
            Err(error) => {
                self.metrics.certificate_reloaded(CertificateReloadResult::Failure);
                tracing::warn!(%error, "the certificate was not reloaded; the one before is served on");
                Err(error)
            }
        }
    }

    /// Reloads whenever the files have changed, for ever.
    pub async fn watch(self) {
        self.warn_if_it_expires_soon();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let this = self.clone();
            let look = move || {
                if this.store.look_for_change() {
                    // What went wrong has been logged and counted.
                    let _ = this.reload();
                }
            };
            if spawn_blocking(look).await.is_err() {
                tracing::error!("looking at the certificate's files failed; restart to renew it");
                return;
            }
        }
    }

    fn warn_if_it_expires_soon(&self) {
        let expires = self.store.expires();
        if expires < SystemTime::now() + EXPIRES_SOON {
            let until = humantime::format_rfc3339_seconds(expires);
            tracing::warn!(expires = %until, "the certificate expires soon; renew it");
        }
    }
}
