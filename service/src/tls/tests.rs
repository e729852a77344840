//! Certificates are checked before they are served, and a bad one never takes the place of a good
//! one.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use tempfile::TempDir;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn files(&self) -> CertificateFiles {
        let path = |name| self.0.path().join(name);
        CertificateFiles { certificate: path("cert.pem"), key: path("key.pem") }
    }

    /// Valid from one moment to another.
    fn write(&self, begins: SystemTime, expires: SystemTime) {
        self.write_signed_by(&KeyPair::generate().unwrap(), begins, expires);
    }

    fn write_signed_by(&self, key: &KeyPair, begins: SystemTime, expires: SystemTime) {
        let mut params = CertificateParams::new(vec!["push.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (begins.into(), expires.into());
        let files = self.files();
        put(&files.certificate, &params.self_signed(key).unwrap().pem());
        put(&files.key, &key.serialize_pem());
    }

    fn write_valid(&self) {
        self.write(SystemTime::now() - DAY, SystemTime::now() + DAY);
    }
}

/// As a tool that renews certificates does it: another file is put in the place of the one before.
fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn a_certificate_is_served_with_either_kind_of_key_until_it_expires() {
    let folder = Folder::new();
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let expires = SystemTime::now() + DAY;
        folder.write_signed_by(&key, SystemTime::now() - DAY, expires);
        let store = CertificateStore::load(folder.files()).unwrap();
        let difference = expires.duration_since(store.expires()).unwrap();
        assert!(difference < Duration::from_secs(1), "{difference:?}");
        assert_eq!(store.server_config().alpn_protocols, [&b"h2"[..], &b"http/1.1"[..]]);
    }
}

#[test]
fn what_cannot_be_served_is_refused_with_its_file_and_what_to_do() {
    type Spoil = fn(&Folder);
    let now = SystemTime::now();
    let cases: [(Spoil, &str, &str); 9] = [
        (|folder| fs::remove_file(folder.files().certificate).unwrap(), "cert.pem", "No such file"),
        (|folder| fs::remove_file(folder.files().key).unwrap(), "key.pem", "No such file"),
        (|folder| put(&folder.files().certificate, ""), "cert.pem", "has no certificate"),
        (|folder| put(&folder.files().key, "secret"), "key.pem", "has no private key"),
        (
            |folder| {
                let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
                put(&folder.files().certificate, pem);
            },
            "cert.pem",
            "cannot be read",
        ),
        (
            |folder| put(&folder.files().key, &KeyPair::generate().unwrap().serialize_pem()),
            "key.pem",
            "belong together",
        ),
        (
            |folder| folder.write(SystemTime::now() - 2 * DAY, SystemTime::now() - DAY),
            "cert.pem",
            "expired at",
        ),
        (
            |folder| folder.write(SystemTime::now() + DAY, SystemTime::now() + 2 * DAY),
            "cert.pem",
            "not valid before",
        ),
        (
            |folder| {
                fs::remove_file(folder.files().key).unwrap();
                std::os::unix::fs::symlink("/dev/zero", folder.files().key).unwrap();
            },
            "key.pem",
            "more than",
        ),
    ];
    for (spoil, file, words) in cases {
        let folder = Folder::new();
        folder.write(now - DAY, now + DAY);
        let store = CertificateStore::load(folder.files()).unwrap();
        let served = store.expires();
        spoil(&folder);
        let error = CertificateStore::load(folder.files()).unwrap_err();
        let message = error.to_string();
        assert!(error.path().ends_with(file) && message.contains(words), "{message}");
        // A server that has a good one keeps it.
        assert_eq!(store.reload(), Err(error));
        assert_eq!(store.expires(), served);
        folder.write(now - DAY, now + 5 * DAY);
        assert_eq!(store.reload(), Ok(()));
        assert!(store.expires() > served);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_noticed_once_when_two_looks_have_seen_the_same_files() {
    let folder = Folder::new();
    folder.write_valid();
    let store = CertificateStore::load(folder.files()).unwrap();
    assert!(!store.look_for_change() && !store.look_for_change());
    folder.write_valid();
    assert!(!store.look_for_change(), "the key may still be on its way");
    assert!(store.look_for_change());
    store.reload().unwrap();
    assert!(!store.look_for_change() && !store.look_for_change());
    // A failure is not repeated at once.
    put(&folder.files().key, "nothing");
    assert!(!store.look_for_change());
    assert!(store.look_for_change());
    store.reload().unwrap_err();
    assert!(!store.look_for_change() && !store.look_for_change());
    // But after a while: a certificate may have become valid, with nobody changing a file.
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(store.look_for_change());
    store.reload().unwrap_err();
    assert!(!store.look_for_change());
    // Nor is the content alone what makes a file another one.
    folder.write_valid();
    store.reload().unwrap();
    assert!(!store.look_for_change());
    let key = folder.files().key;
    let mut rights = fs::metadata(&key).unwrap().permissions();
    rights.set_readonly(true);
    fs::set_permissions(&key, rights).unwrap();
    assert!(!store.look_for_change());
    assert!(store.look_for_change(), "whoever may read it is another");
}
