use super::*;

const JWKS: [&str; 5] = ["--issuer", ISSUER, "--public-url", PUBLIC_URL, "--issuer-jwks"];

#[test]
fn settings_of_tokens_that_cannot_be_used_keep_the_server_from_starting() {
    let short = "too short to be a secret";
    let cases: [(&[&str], &str); 16] = [
        (&["--jwt-secret", short], "needs at least 32"),
        (&["--jwt-secret-file", "/nowhere"], "--jwt-secret-file /nowhere cannot be read"),
        (&["--jwt-key", "/etc/hostname"], "no public key"),
        (&["--jwt-secret", SECRET, "--jwt-algorithm", "RS256"], "not an algorithm of this kind"),
        (&["--issuer", ISSUER], "--issuer has no key"),
        (&["--issuer-secret", ISSUER_SECRET], "--issuer is missing"),
        (&["--issuer", ISSUER, "--issuer-secret", ISSUER_SECRET], "--public-url is missing"),
        (
            &[&ACCESS[..], &["--jwt-secret", ISSUER_SECRET]].concat(),
            "is given for tokens of draft-07, too",
        ),
        (
            &["--issuer", "me", "--issuer-secret", ISSUER_SECRET, "--public-url", PUBLIC_URL],
            "is no URL",
        ),
        (&[&JWKS[..], &["http://login.example/jwks"]].concat(), "is not https"),
        (&[&JWKS[..], &["file:///jwks"]].concat(), "is not https"),
        (&[&JWKS[..], &["https://me:pw@login.example/jwks"]].concat(), "has a user or a password"),
        (&["--jwt-algorithm", "HS512"], "--jwt-algorithm is given without"),
        (
            &["--jwt-secret", SECRET, "--publisher-jwt-algorithm", "HS256"],
            "--publisher-jwt-algorithm is given without",
        ),
        (&["--subscriber-jwt-algorithm", "ES256"], "--subscriber-jwt-algorithm is given without"),
        (&["--issuer-algorithm", "RS256"], "--issuer-algorithm is given without"),
    ];
    for (flags, expected) in cases {
        let ran =
            Command::new(PROGRAM).args(["--listen", "127.0.0.1:0"]).args(flags).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(64), "{flags:?}: {said}");
        assert!(said.contains(expected), "{flags:?}: {said}");
        assert!(!said.contains(short) && !said.contains(SECRET), "{said}");
    }
}

#[test]
fn a_secret_is_made_once_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let path = file.to_str().unwrap();
    let make = |flags: &[&str]| Command::new(PROGRAM).arg("secret").args(flags).output().unwrap();
    assert!(make(&["--file", path]).status.success());
    let first = std::fs::read_to_string(&file).unwrap();
    assert!(first.trim().len() >= 64, "{first}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(make(&["--file", path, "--if-missing"]).status.success());
    let again = make(&["--file", path]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("--if-missing"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
    let printed = [make(&[]).stdout, make(&[]).stdout];
    assert_ne!(printed[0], printed[1]);
    let token = token(&["--jwt-secret-file", path, "--publish", "*"]);
    assert_eq!(token.split('.').count(), 3);
}
