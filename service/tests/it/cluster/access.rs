//! Brokers that let only those in whom they know.

use std::fs;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::brokers::Brokers;
use super::{FIXED, publish};
use crate::support::{PROGRAM, Program, client};

/// Files with secrets and certificates.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().expect("a folder"));
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        files.put("issuer.pem", &params.self_signed(&key).expect("a certificate").pem());
        let issuer = Issuer::new(params, key);
        for name in ["broker", "node"] {
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("names");
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let key = KeyPair::generate().expect("a key");
            let signed = params.signed_by(&key, &issuer).expect("a certificate");
            files.put(&format!("{name}.pem"), &signed.pem());
            files.put(&format!("{name}.key"), &key.serialize_pem());
        }
        files
    }

    fn put(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("it is written");
        path
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_brokers_know_is_let_in_and_another_is_told_what_to_look_at() {
    let files = Files::new();
    let (user, token) = (files.put("user", "push:secret\n"), files.put("token", "a token\n"));
    let wrong = files.put("wrong", "push:other\n");
    let path = |name| files.path(name);
    let (issuer, certificate, key) = (path("issuer.pem"), path("node.pem"), path("node.key"));
    let tls = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {issuer:?}, verify: true }}",
        path("broker.pem"),
        path("broker.key")
    );
    let trusted = ["--nats-ca", &issuer];
    let shown = ["--nats-ca", &issuer, "--nats-cert", &certificate, "--nats-key", &key];
    let cases: [(&str, &[&str], &[&str]); 3] = [
        (
            "authorization { user: push, password: secret }",
            &["--nats-user-file", &user],
            &["--nats-user-file", &wrong],
        ),
        ("authorization { token: \"a token\" }", &["--nats-token-file", &token], &[]),
        (&tls, &shown, &trusted),
    ];
    for (config, right, wrong) in cases {
        let brokers = Brokers::one_with(config).await;
        let urls = brokers.urls();
        let flags = [&FIXED[..], &["--nats-unsafe", "--nats", &urls]].concat();
        let node = Program::start(&[&flags[..], right].concat());
        let (status, body) = publish(&client(), &node, "t", "in").await;
        assert_eq!(status, 200, "{config}: {body}");
        let fixed = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let refused = Command::new(PROGRAM).args(fixed).args(&flags).args(wrong).output();
        let refused = refused.expect("it runs");
        let said = String::from_utf8(refused.stderr).expect("text");
        assert_eq!(refused.status.code(), Some(64), "{config}: {said}");
        assert!(said.contains("lets this one in"), "{config}: {said}");
        assert!(!said.contains("secret") && !said.contains("a token"), "{said}");
    }
}

#[test]
fn what_cannot_be_a_user_or_half_a_certificate_is_refused_at_once() {
    let files = Files::new();
    let user = files.put("user", "nobody\n");
    let two_lines = files.put("two", "push:secret\nother:secret\n");
    let (certificate, missing) = (files.path("node.pem"), files.path("missing"));
    let cases: [(&[&str], &str); 4] = [
        (&["--nats-user-file", &user], "one line such as name:password"),
        (&["--nats-user-file", &two_lines], "one line such as name:password"),
        (&["--nats-cert", &certificate], "--nats-key"),
        (&["--nats-token-file", &missing], "--nats-token-file"),
    ];
    for (flags, expected) in cases {
        let fixed = ["--nats", "nats://127.0.0.1:1", "--demos=false"];
        let output = Command::new(PROGRAM).args(fixed).args(flags).output().expect("it runs");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.contains(expected), "{flags:?}: {said}");
    }
}
