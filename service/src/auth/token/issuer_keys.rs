//! The keys of an issuer: those of the settings, or those that its URL gave last.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jsonwebtoken::Algorithm;
use tokio::sync::Notify;
use url::Url;

use super::{Key, KeyError};

/// What an issuer signs with.
#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// The settings have them.
    Given(Arc<Vec<Key>>),
    /// They are fetched, and change without a restart.
    Fetched(Arc<FetchedKeys>),
}

/// A set of keys (JWKS) at a URL, as it was fetched last.
pub struct FetchedKeys {
    url: Url,
    algorithm: Option<Algorithm>,
    /// Keys that it must not have, because tokens of weaker rules are signed with them.
    excluded: Vec<Key>,
    /// `None` until the first fetch has succeeded.
    keys: ArcSwapOption<Vec<Key>>,
    wanted: Notify,
}

impl IssuerKeys {
    /// Those of the settings.
    #[must_use]
    pub fn given(keys: Vec<Key>) -> Self {
        Self::Given(Arc::new(keys))
    }

    /// Those that are known now; `None` when they have not been fetched yet.
    pub(super) fn current(&self) -> Option<Arc<Vec<Key>>> {
        match self {
            Self::Given(keys) => Some(Arc::clone(keys)),
            Self::Fetched(fetched) => fetched.keys.load_full(),
        }
    }

    /// A token names a key that is not known: the issuer may have a new one.
    pub(crate) fn want_newer(&self) {
        if let Self::Fetched(fetched) = self {
            fetched.wanted.notify_one();
        }
    }
}

impl FetchedKeys {
    /// A set that has not been fetched yet.
    #[must_use]
    pub fn new(url: Url, algorithm: Option<Algorithm>, excluded: Vec<Key>) -> Arc<Self> {
        Arc::new(Self {
            url,
            algorithm,
            excluded,
            keys: ArcSwapOption::empty(),
            wanted: Notify::new(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Takes what was fetched, and says how many keys it has. Where it cannot be used, the keys that
    /// were good stay.
    ///
    /// # Errors
    /// When it is no set, or no key of it can be used.
    pub fn take(&self, json: &[u8]) -> Result<usize, KeyError> {
        self.store(Key::set(json, self.algorithm)?).ok_or(KeyError::EmptySet)
    }

    /// Begins with what another one has fetched from the same URL, so that other settings do not
    /// make tokens wait for it.
    pub fn begin_with(&self, other: &Self) {
        if self.url == other.url && self.algorithm == other.algorithm {
            let keys = other.keys.load_full();
            self.store(keys.map(|keys| keys.to_vec()).unwrap_or_default());
        }
    }

    /// Keeps those that it may have, and says how many; where there are none, those from before.
    fn store(&self, mut keys: Vec<Key>) -> Option<usize> {
        keys.retain(|key| !self.excluded.iter().any(|excluded| key.is_same_as(excluded)));
        let count = keys.len();
        if count == 0 {
            return None;
        }
        self.keys.store(Some(Arc::new(keys)));
        Some(count)
    }

    /// Waits until a token names a key that is not known.
    pub(crate) async fn newer_wanted(&self) {
        self.wanted.notified().await;
    }
}

impl fmt::Debug for FetchedKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.keys.load().as_ref().map(|keys| keys.len());
        let mut shown = formatter.debug_struct("FetchedKeys");
        shown.field("url", &self.url.as_str()).field("keys", &count).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#"{"keys": []}"#;

    fn set(id: &str) -> String {
        let key =
            r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
        format!(r#"{{"keys": [{{{key}, "kid": "{id}"}}]}}"#)
    }

    fn fetched(url: &str) -> Arc<FetchedKeys> {
        FetchedKeys::new(url.parse().unwrap(), None, Vec::new())
    }

    fn names(keys: &Arc<FetchedKeys>) -> Option<Vec<String>> {
        let keys = IssuerKeys::Fetched(Arc::clone(keys)).current()?;
        Some(keys.iter().filter_map(|key| key.id().map(str::to_owned)).collect())
    }

    #[test]
    fn there_are_no_keys_before_the_first_fetch_and_the_last_good_ones_stay() {
        let keys = fetched("https://login.example/jwks");
        assert_eq!(names(&keys), None);
        assert_eq!(keys.take(set("a").as_bytes()), Ok(1));
        for bad in ["", "{}", EMPTY, "no set"] {
            assert!(keys.take(bad.as_bytes()).is_err(), "{bad}");
            assert_eq!(names(&keys).unwrap(), ["a"]);
        }
        keys.take(set("b").as_bytes()).unwrap();
        assert_eq!(names(&keys).unwrap(), ["b"]);
    }

    #[test]
    fn other_settings_begin_with_the_keys_of_the_same_url_alone() {
        let before = fetched("https://login.example/jwks");
        before.take(set("a").as_bytes()).unwrap();
        for (url, expected) in
            [("https://login.example/jwks", true), ("https://other.example/jwks", false)]
        {
            let after = fetched(url);
            after.begin_with(&before);
            assert_eq!(names(&after).is_some(), expected, "{url}");
        }
    }

    #[test]
    fn a_key_that_weaker_rules_use_is_not_taken() {
        let excluded = Key::set(set("a").as_bytes(), None).unwrap();
        let url: Url = "https://login.example/jwks".parse().unwrap();
        let keys = FetchedKeys::new(url, None, excluded);
        assert_eq!(keys.take(set("b").as_bytes()), Err(KeyError::EmptySet));
    }

    #[test]
    fn other_settings_leave_out_a_key_that_weaker_rules_use_and_keep_the_others() {
        let both = {
            let other =
                r#""kty":"OKP","crv":"Ed25519","x":"Xx4_L89E6RsyvDTzN9wuN3cDwgifPkXMgFJv_HMIxdk""#;
            set("a").replace("]}", &format!(r#", {{{other}, "kid": "b"}}]}}"#))
        };
        let before = fetched("https://login.example/jwks");
        assert_eq!(before.take(both.as_bytes()), Ok(2));
        let excluded = Key::set(set("a").as_bytes(), None).unwrap();
        let after = FetchedKeys::new(before.url().clone(), None, excluded);
        after.begin_with(&before);
        assert_eq!(names(&after).unwrap(), ["b"]);
    }
}
