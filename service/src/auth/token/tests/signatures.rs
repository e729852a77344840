use super::*;

#[test]
fn a_signature_is_made_with_the_key_and_the_algorithm_of_the_dialect_and_the_issuer() {
    let signature = Err(TokenError::Signature);
    let algorithm = Err(TokenError::Algorithm);
    let (old, new) = (Draft::legacy(), Draft::access());
    assert_eq!(legacy(&new), signature, "the key of draft-07 is none of an issuer");
    assert_eq!(access(&old), signature, "and the other way round");
    for draft in [&old, &new] {
        let (mut token, key) = match draft.claims.get("mercure") {
            Some(_) => (draft.with_secret(LEGACY_SECRET), LEGACY_SECRET),
            None => (draft.with_secret(ISSUER_SECRET), ISSUER_SECRET),
        };
        assert_eq!(
            verify(&draft.with_secret(b"another secret, which has enough bytes")),
            signature
        );
        for alg in ["none", "None", "HS257", "HS384", "RS256", "ES256", "EdDSA", ""] {
            let other = draft.clone().header("alg", alg).with_secret(key);
            assert_eq!(verify(&other), algorithm, "{alg}");
        }
        // The last character may have bits that are not part of the signature.
        let at = token.len() - 10;
        let changed = if &token[at..=at] == "A" { "B" } else { "A" };
        token.replace_range(at..=at, changed);
        assert_eq!(verify(&token), signature);
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        assert_eq!(verify(&unsigned), signature);
    }
    // The public key of the other issuer is known to everybody, and is no secret.
    let confused = Draft::access().claim("iss", OTHER_ISSUER);
    assert_eq!(verify(&confused.with_secret(RSA_PUBLIC)), algorithm);
    assert_eq!(access(&confused), algorithm, "its issuer has keys of its own");
}

#[test]
fn every_kind_of_public_key_verifies() {
    let key = |pem: &[u8]| Key::pem(pem, None).unwrap();
    let cases = [
        (EncodingKey::from_rsa_pem(RSA).unwrap(), Algorithm::RS256, key(RSA_PUBLIC)),
        (
            EncodingKey::from_rsa_pem(RSA).unwrap(),
            Algorithm::PS512,
            Key::pem(RSA_PUBLIC, Some(Algorithm::PS512)).unwrap(),
        ),
        (EncodingKey::from_ec_pem(EC).unwrap(), Algorithm::ES256, key(EC_PUBLIC)),
        (EncodingKey::from_ed_pem(ED).unwrap(), Algorithm::EdDSA, key(ED_PUBLIC)),
    ];
    for (signing, algorithm, key) in cases {
        let issuers = vec![Issuer { name: ISSUER.into(), keys: IssuerKeys::given(vec![key]) }];
        let verifier = Verifier { issuers, ..verifier() };
        let name = format!("{algorithm:?}");
        let token = Draft::access().header("alg", name.as_str()).signed(&signing, algorithm);
        let found = verifier.verify(&token, Role::Publisher, TokenPlace::Header);
        assert!(found.is_ok(), "{name}: {found:?}");
    }
}

#[test]
fn a_name_of_a_key_chooses_among_those_that_have_names() {
    let public: Value = {
        let key = EncodingKey::from_ed_pem(ED).unwrap();
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap();
        serde_json::to_value(jwk).unwrap()
    };
    let named = |name: &str| {
        let mut key = public.clone();
        key["kid"] = name.into();
        key
    };
    let secret = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(ISSUER_SECRET), "kid": "s" });
    let encryption = {
        let mut key = named("e");
        key["use"] = "enc".into();
        key
    };
    let set = json!({ "keys": [named("a"), secret, encryption, { "kty": "new", "kid": "n" }] });
    let keys = Key::set(set.to_string().as_bytes(), None).unwrap();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let issuers = vec![Issuer { name: ISSUER.into(), keys: IssuerKeys::given(keys) }];
    let verifier = Verifier { issuers, ..verifier() };
    let signing = EncodingKey::from_ed_pem(ED).unwrap();
    let base = Draft::access().header("alg", "EdDSA");
    for (name, expected) in [
        (Some("a"), None),
        (None, None),
        (Some("b"), Some(TokenError::UnknownKey)),
        (Some("e"), Some(TokenError::UnknownKey)),
    ] {
        let draft = name.map_or(base.clone(), |name| base.clone().header("kid", name));
        let token = draft.signed(&signing, Algorithm::EdDSA);
        let found = verifier.verify(&token, Role::Subscriber, TokenPlace::Header);
        assert_eq!(found.err(), expected, "{name:?}");
    }
    for nothing in [json!({ "keys": [] }), json!({ "keys": [secret] })] {
        assert_eq!(Key::set(nothing.to_string().as_bytes(), None).unwrap_err(), KeyError::EmptySet);
    }
    assert!(matches!(Key::set(b"{", None), Err(KeyError::NotASet(_))));
}

#[test]
fn a_key_in_the_header_of_a_token_is_not_used() {
    let signing = EncodingKey::from_ed_pem(ED).unwrap();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&signing, Algorithm::EdDSA).unwrap();
    let draft = Draft::access()
        .header("alg", "EdDSA")
        .header("jwk", serde_json::to_value(jwk).unwrap())
        .header("jku", "https://attacker.example/keys");
    assert_eq!(verify(&draft.signed(&signing, Algorithm::EdDSA)), Err(TokenError::Algorithm));
}

#[test]
fn roles_of_draft_07_have_keys_of_their_own() {
    let mut verifier = verifier();
    verifier.legacy.publisher = vec![secret(b"a secret that only publishers have, 32 bytes")];
    let token = Draft::legacy().with_secret(LEGACY_SECRET);
    assert!(verifier.verify(&token, Role::Subscriber, TokenPlace::Cookie).is_ok());
    let refused = verifier.verify(&token, Role::Publisher, TokenPlace::Cookie);
    assert_eq!(refused, Err(TokenError::Signature));
    verifier.legacy.publisher.clear();
    let refused = verifier.verify(&token, Role::Publisher, TokenPlace::Cookie);
    assert_eq!(refused, Err(TokenError::NoLegacyKey));
    verifier.issuers.clear();
    let refused = verifier.verify(
        &Draft::access().with_secret(ISSUER_SECRET),
        Role::Publisher,
        TokenPlace::Header,
    );
    assert_eq!(refused, Err(TokenError::NoIssuer));
}
