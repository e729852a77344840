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
fn a_token_that_the_server_would_refuse_is_not_made() {
    let cases: [(&[&str], &[&str], &str); 5] = [
        (&LEGACY, &["--subscribe", "orders/{id:9999}"], "--subscribe `orders/{id:9999}`"),
        (&ACCESS, &["--publish", "*/:id(\\d+"], "--publish"),
        (&ACCESS, &["--publish", "*/(((*"], "cannot be granted"),
        (&LEGACY, &["--subscribe", "*", "--payload", "{name"], "--payload is no JSON"),
        (&LEGACY, &["--publish", "*", "--payload", "1"], "--subscribe is missing"),
    ];
    for (keys, flags, expected) in cases {
        let ran = Command::new(PROGRAM).arg("token").args(keys).args(flags).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(64), "{flags:?}: {said}");
        assert!(said.contains(expected), "{flags:?}: {said}");
        assert!(ran.stdout.is_empty(), "{flags:?}");
    }
}

#[test]
fn a_payload_stands_in_a_token_where_its_dialect_has_it() {
    let flags = ["--publish", "a", "--subscribe", "b", "--payload", r#"{"name":"Ada"}"#];
    let claims =
        |token: String| jsonwebtoken::dangerous::insecure_decode_claims::<Value>(&token).unwrap();
    let name = json!({ "name": "Ada" });
    assert_eq!(claims(legacy(&flags))["mercure"]["payload"], name);
    let details = claims(access(&flags))["authorization_details"].clone();
    assert_eq!(
        (&details[0]["actions"], &details[0]["payload"]),
        (&json!(["publish"]), &Value::Null)
    );
    assert_eq!((&details[1]["actions"], &details[1]["payload"]), (&json!(["subscribe"]), &name));
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
