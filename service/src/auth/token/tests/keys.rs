use super::*;

#[test]
fn keys_that_cannot_be_used_are_refused_with_the_reason() {
    let short = |bytes, algorithm| Key::secret(&vec![b'x'; bytes], Some(algorithm)).unwrap_err();
    let min = |bytes, algorithm, min| KeyError::TooShort { bytes, algorithm, min };
    assert_eq!(short(31, Algorithm::HS256), min(31, Algorithm::HS256, 32));
    assert_eq!(short(47, Algorithm::HS384), min(47, Algorithm::HS384, 48));
    assert_eq!(short(63, Algorithm::HS512), min(63, Algorithm::HS512, 64));
    assert_eq!(short(99, Algorithm::RS256), KeyError::Algorithm { algorithm: Algorithm::RS256 });
    for pem in [RSA_PUBLIC, EC_PUBLIC, ED] {
        assert_eq!(Key::secret(pem, None).unwrap_err(), KeyError::PemAsSecret);
    }
    let (one, other) = (secret(LEGACY_SECRET), secret(ISSUER_SECRET));
    assert!(one.is_same_as(&one) && !one.is_same_as(&other));
    for (private, public) in [
        (EncodingKey::from_rsa_pem(RSA).unwrap(), RSA_PUBLIC),
        (EncodingKey::from_ec_pem(EC).unwrap(), EC_PUBLIC),
        (EncodingKey::from_ed_pem(ED).unwrap(), ED_PUBLIC),
    ] {
        let pem = Key::pem(public, None).unwrap();
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&private, pem.algorithm()).unwrap();
        let set = Key::set(json!({ "keys": [jwk] }).to_string().as_bytes(), None).unwrap();
        assert!(pem.is_same_as(&set[0]) && set[0].is_same_as(&pem), "{pem:?}");
        assert!(!pem.is_same_as(&one));
    }
    for (pem, algorithm) in [
        (RSA_PUBLIC, Algorithm::HS256),
        (RSA_PUBLIC, Algorithm::ES256),
        (EC_PUBLIC, Algorithm::ES384),
        (ED_PUBLIC, Algorithm::RS256),
    ] {
        let error = Key::pem(pem, Some(algorithm)).unwrap_err();
        assert_eq!(error, KeyError::Algorithm { algorithm });
    }
    for not_a_key in [&b""[..], b"secret", b"-----BEGIN PUBLIC KEY-----"] {
        assert_eq!(Key::pem(not_a_key, None).unwrap_err(), KeyError::NotAKey);
    }
    for private in [RSA, EC, ED] {
        assert_eq!(Key::pem(private, None).unwrap_err(), KeyError::Private);
    }
}

#[test]
fn nothing_secret_shows_in_what_is_printed_for_debugging() {
    let shown = format!("{:?} {:?}", verifier(), Secret::random());
    assert!(!shown.contains("bytes or more"), "{shown}");
    assert!(!shown.contains(&format!("{LEGACY_SECRET:?}")[1..40]), "{shown}");
}

#[test]
fn a_token_that_was_made_here_is_accepted_here() {
    let grants = vec![(Notation::Exact, "a".to_owned()), (Notation::UrlPattern, "/*".to_owned())];
    let mut request = TokenRequest {
        publish: grants.clone(),
        subscribe: grants.clone(),
        payload: None,
        lifetime: Duration::from_secs(60),
        access_token: Some((ISSUER.into(), HUB.into())),
    };
    let token = request.sign(ISSUER_SECRET, Algorithm::HS256).unwrap();
    let granted = verify(token.reveal()).unwrap();
    assert_eq!((granted.publish, granted.subscribe), (grants.clone(), grants));
    request.access_token = None;
    let token = request.sign(LEGACY_SECRET, Algorithm::HS256).unwrap();
    assert_eq!(verify(token.reveal()).unwrap().publish.len(), 2);
    assert!(request.sign(b"short", Algorithm::HS256).is_err());
}
