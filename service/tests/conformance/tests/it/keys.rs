//! The suite with private keys, whose public halves the server has; and over TLS.

use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, SignatureAlgorithm,
};
use tempfile::TempDir;

use crate::fanfare::{AUDIENCE, DEVIATIONS, ISSUER, ORIGIN, Server};
use crate::program::results;

/// Both halves of a key, in files.
struct KeyFiles {
    private: String,
    public: String,
}

impl KeyFiles {
    fn generate(folder: &TempDir, name: &str, kind: &'static SignatureAlgorithm) -> Self {
        let pair = KeyPair::generate_for(kind).unwrap();
        let put = |half: &str, pem: String| put(folder, &format!("{name}.{half}.pem"), &pem);
        let private = put("private", pair.serialize_pem());
        Self { private, public: put("public", pair.public_key_pem()) }
    }
}

fn put(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Holds a server that has these keys to the dialects, and asserts that it fails nothing else than
/// always, and that no requirement was passed over for want of a key.
fn conforms(legacy: &KeyFiles, issuer: &KeyFiles, flags: &[&str], suite: &[&str]) {
    let keys = ["--jwt-key", &legacy.public, "--issuer", ISSUER, "--issuer-key", &issuer.public];
    let hub = ["--public-url", AUDIENCE, "--anonymous-subscribe", "--subscriptions"];
    let server = Server::start(&[&keys[..], &hub, flags].concat());
    let keys = ["--jwt-key", &legacy.private, "--issuer", ISSUER, "--issuer-key", &issuer.private];
    let hub = ["--hub", &server.url, "--audience", AUDIENCE, "--anonymous"];
    let (_, results) = results(&[&keys[..], &hub, &["--allowed-origin", ORIGIN], suite].concat());
    let with = |word: &str| -> Vec<_> {
        let found = results.values().filter(|one| one["result"] == word);
        found.map(|one| one["id"].as_str().unwrap()).collect()
    };
    let failed: Vec<_> = results.values().filter(|one| one["result"] == "fail").collect();
    assert_eq!(with("fail"), DEVIATIONS, "{failed:?}");
    let skipped = results.values().filter(|one| one["result"] == "skipped");
    for one in skipped {
        assert!(!one["why"].as_str().unwrap().contains("no key given"), "{one}");
    }
    let spoken = if server.url.starts_with("https:") { "pass" } else { "skipped" };
    for requirement in ["1.0/R4", "0.x/R6"] {
        assert_eq!(results[requirement]["result"], spoken);
    }
}

#[test]
fn the_server_conforms_with_rs256_for_draft_07_and_es256_for_1_0() {
    let folder = tempfile::tempdir().unwrap();
    let legacy = KeyFiles::generate(&folder, "legacy", &PKCS_RSA_SHA256);
    let issuer = KeyFiles::generate(&folder, "issuer", &PKCS_ECDSA_P256_SHA256);
    conforms(&legacy, &issuer, &[], &[]);
}

#[test]
fn the_server_conforms_over_tls_with_es256_for_draft_07_and_rs256_for_1_0() {
    let folder = tempfile::tempdir().unwrap();
    let legacy = KeyFiles::generate(&folder, "legacy", &PKCS_ECDSA_P256_SHA256);
    let issuer = KeyFiles::generate(&folder, "issuer", &PKCS_RSA_SHA256);
    let (ca, certificate, key) = certificates(&folder);
    conforms(&legacy, &issuer, &["--tls-cert", &certificate, "--tls-key", &key], &["--ca", &ca]);
}

#[test]
fn a_certificate_of_somebody_else_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (_, certificate, key) = certificates(&folder);
    let server = Server::start(&["--tls-cert", &certificate, "--tls-key", &key]);
    let elsewhere = tempfile::tempdir().unwrap();
    let (other, ..) = certificates(&elsewhere);
    let only = ["--hub", &server.url, "--anonymous", "--only", "1.0/R1"];
    let result =
        |trust: &[&str]| results(&[&only[..], trust].concat()).1["1.0/R1"]["result"].clone();
    assert_eq!(result(&[]), "fail");
    assert_eq!(result(&["--ca", &other]), "fail");
    assert_eq!(result(&["--insecure"]), "pass");
}

#[test]
fn what_is_no_private_key_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let pair = KeyFiles::generate(&folder, "pair", &PKCS_ECDSA_P256_SHA256);
    let rubbish = put(&folder, "rubbish.pem", "rubbish");
    for file in [pair.public, rubbish, "/nowhere".to_owned()] {
        let (code, _, errors) =
            crate::program::conformance(&["--hub", "http://127.0.0.1:1/", "--jwt-key", &file]);
        assert_eq!((code, errors.contains(&file)), (2, true), "{errors}");
    }
}

/// Files with an issuer's certificate, with one for this machine that it has signed, and its key.
fn certificates(folder: &TempDir) -> (String, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "the issuer of a test");
    let key = KeyPair::generate().unwrap();
    let ca = put(folder, "ca.pem", &params.self_signed(&key).unwrap().pem());
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let signed = params.signed_by(&key, &issuer).unwrap();
    (ca, put(folder, "cert.pem", &signed.pem()), put(folder, "key.pem", &key.serialize_pem()))
}
