//! Fetching the keys of issuers (JWKS, RFC 7517) from their URLs: at the start, then as often as
//! their server says, and once more when a token names a key that is not known.
//!
//! The keys that were good stay for as long as no others can be had, so an issuer that is down for
//! a while stops nobody who has a token. Redirects are not followed: where keys come from stands in
//! the settings and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, StatusCode, redirect};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::auth::Authority;
use crate::auth::token::{FetchedKeys, IssuerKeys, KeyError};
use crate::logging::log_limited;
use crate::metrics::{FailingFetch, JwksFetch, Metrics};

/// How long a fetch may take.
const FETCH_TIME_MAX: Duration = Duration::from_secs(10);
/// The largest set that is read; those of large providers have some 10 KiB.
const SET_BYTES_MAX: usize = 256 << 10;
/// How soon a set is fetched again at the earliest, whatever its server says.
const REFRESH_MIN: Duration = Duration::from_secs(60);
const REFRESH_MAX: Duration = Duration::from_secs(60 * 60);
/// Where its server says nothing.
const REFRESH: Duration = Duration::from_secs(10 * 60);
/// How soon a token that names an unknown key makes it be fetched again after the last time: anybody
/// can send such tokens.
const UNKNOWN_KEY_MIN: Duration = Duration::from_secs(30);
/// After the first failure; twice as long after each further one.
const RETRY_MIN: Duration = Duration::from_secs(2);

/// Fetches the keys of all issuers that have a URL for them, until it is dropped: connections that are
/// open may hold the keys of earlier settings for as long as they like, and those need no new ones.
#[derive(Debug)]
pub(crate) struct KeyFetching {
    _tasks: JoinSet<()>,
}

impl KeyFetching {
    /// Begins with a fetch of each.
    pub(crate) fn start(authority: &Authority, metrics: &Metrics) -> Self {
        let mut tasks = JoinSet::new();
        let issuers = match authority {
            Authority::Tokens { verifier, .. } => &*verifier.issuers,
            Authority::Open => &[],
        };
        for issuer in issuers {
            if let IssuerKeys::Fetched(keys) = &issuer.keys {
                tasks.spawn(follow(Arc::clone(keys), Fetcher::new(metrics.clone())));
            }
        }
        Self { _tasks: tasks }
    }
}

async fn follow(keys: Arc<FetchedKeys>, mut fetcher: Fetcher) {
    loop {
        let next = fetcher.fetch(&keys).await;
        until_due(&keys, next).await;
    }
}

/// Waits until the keys are too old, or a token names an unknown one.
async fn until_due(keys: &FetchedKeys, next: Duration) {
    let now = Instant::now();
    let unknown = async {
        keys.newer_wanted().await;
        sleep_until(now + UNKNOWN_KEY_MIN).await;
    };
    tokio::select! {
        () = sleep_until(now + next) => {}
        () = unknown => {}
    }
}

/// Why a set was not fetched.
#[derive(Debug, Error)]
enum FetchError {
    #[error("{}", whole(.0))]
    Request(#[from] reqwest::Error),
    #[error("the response has the status {0}, and redirects are not followed")]
    Status(StatusCode),
    #[error("the response has more than {SET_BYTES_MAX} bytes")]
    TooLarge,
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The library names the cause apart, and with the URL, which the line has already.
fn whole(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    if causes.is_empty() { "the request failed".to_owned() } else { causes.join(": ") }
}

struct Fetcher {
    metrics: Metrics,
    client: Option<Client>,
    etag: Option<HeaderValue>,
    failures: u32,
    /// Counts as failing while it is there.
    failing: Option<FailingFetch>,
}

impl Fetcher {
    fn new(metrics: Metrics) -> Self {
        Self { metrics, client: None, etag: None, failures: 0, failing: None }
    }

    /// Fetches once, and says when to do so again.
    async fn fetch(&mut self, keys: &Arc<FetchedKeys>) -> Duration {
        match self.try_fetch(keys).await {
            Ok((fetch, again)) => {
                self.metrics.jwks_fetched(fetch);
                if self.failing.take().is_some() || self.failures > 0 {
                    tracing::info!(url = %keys.url(), "the keys of an issuer are fetched again");
                }
                self.failures = 0;
                again
            }
            Err(error) => {
                self.metrics.jwks_fetched(JwksFetch::Failed);
                self.failing.get_or_insert_with(|| self.metrics.jwks_failing());
                log_limited!(
                    WARN,
                    url = %keys.url(),
                    reason = %error,
                    "the keys of an issuer cannot be fetched; those that were fetched before stay, and without any its tokens are not accepted"
                );
                let wait = RETRY_MIN * 2_u32.saturating_pow(self.failures.min(5));
                self.failures += 1;
                // Servers that were started together are not to come back together.
                wait.min(REFRESH_MIN).mul_f64(rand::random_range(0.8..=1.2))
            }
        }
    }

    async fn try_fetch(&mut self, keys: &FetchedKeys) -> Result<(JwksFetch, Duration), FetchError> {
        let mut request = self.client()?.get(keys.url().clone());
        if let Some(etag) = &self.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let mut response = request.send().await?;
        let again = refresh_after(response.headers());
        let etag = response.headers().get(ETAG).cloned();
        match response.status() {
            StatusCode::NOT_MODIFIED if self.etag.is_some() => {
                return Ok((JwksFetch::Unchanged, again));
            }
            StatusCode::OK => {}
            status => return Err(FetchError::Status(status)),
        }
        let mut json = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if json.len() + chunk.len() > SET_BYTES_MAX {
                return Err(FetchError::TooLarge);
            }
            json.extend_from_slice(&chunk);
        }
        let count = keys.take(&json)?;
        tracing::debug!(url = %keys.url(), keys = count, "the keys of an issuer were fetched");
        self.etag = etag;
        Ok((JwksFetch::Fetched, again))
    }

    /// Made when it is needed, because the certificates of the system are read then.
    fn client(&mut self) -> Result<&Client, FetchError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::builder()
                .redirect(redirect::Policy::none())
                .timeout(FETCH_TIME_MAX)
                .user_agent(concat!("fanfare/", env!("CARGO_PKG_VERSION")))
                .build()?,
        };
        Ok(self.client.insert(client))
    }
}

/// When a response says that it is old (RFC 9111, section 5.2.2.1), within bounds.
fn refresh_after(headers: &HeaderMap) -> Duration {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = directives.flat_map(|value| value.split(',')).map(str::trim);
    let max_age = directives.find_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| seconds.trim_matches('"').parse().ok())?
    });
    max_age.map_or(REFRESH, Duration::from_secs).clamp(REFRESH_MIN, REFRESH_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::{Issuer, Verifier};

    #[tokio::test(start_paused = true)]
    async fn keys_are_fetched_when_they_are_old_and_for_an_unknown_one_not_too_often() {
        let keys = FetchedKeys::new("https://login.example/jwks".parse().unwrap(), None, vec![]);
        let issuer_keys = IssuerKeys::Fetched(Arc::clone(&keys));
        let waited = async |wanted_at: &[u64]| {
            let began = Instant::now();
            let want = async {
                for at in wanted_at {
                    sleep_until(began + Duration::from_secs(*at)).await;
                    // Anybody can send tokens that name unknown keys, any number of them.
                    issuer_keys.want_newer();
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = until_due(&keys, Duration::from_secs(100)) => began.elapsed().as_secs(),
                () = want => unreachable!(),
            }
        };
        assert_eq!(waited(&[]).await, 100);
        assert_eq!(waited(&[1, 2, 3]).await, 30);
        // One that came meanwhile counts.
        issuer_keys.want_newer();
        assert_eq!(waited(&[]).await, 30);
        assert_eq!(waited(&[50]).await, 50);
    }

    #[tokio::test]
    async fn keys_of_earlier_settings_are_not_fetched_any_more() {
        let keys = FetchedKeys::new("http://127.0.0.1:1/jwks".parse().unwrap(), None, vec![]);
        let issuer =
            Issuer { name: "https://i.example".into(), keys: IssuerKeys::Fetched(keys.clone()) };
        let verifier = Arc::new(Verifier { issuers: vec![issuer], ..Verifier::default() });
        let authority = Authority::Tokens { verifier, anonymous_subscribe: false };
        let fetching = KeyFetching::start(&authority, &Metrics::new(1));
        assert_eq!(Arc::strong_count(&keys), 3);
        drop(fetching);
        // A connection that is open may still hold them.
        while Arc::strong_count(&keys) > 2 {
            tokio::task::yield_now().await;
        }
        drop(authority);
    }

    #[test]
    fn a_set_is_fetched_again_when_its_server_says_but_neither_too_soon_nor_too_late() {
        let cases = [
            (None, 600),
            (Some("max-age=300"), 300),
            (Some("public, MAX-AGE=\"120\", must-revalidate"), 120),
            (Some("max-age=0"), 60),
            (Some("no-store"), 600),
            (Some("max-age=31536000"), 3_600),
            (Some("max-age=soon"), 600),
            (Some("s-maxage=5"), 600),
        ];
        for (value, expected) in cases {
            let value = value.map(|value| (CACHE_CONTROL, HeaderValue::from_static(value)));
            let headers: HeaderMap = value.into_iter().collect();
            assert_eq!(refresh_after(&headers).as_secs(), expected, "{headers:?}");
        }
    }
}
