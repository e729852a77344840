//! Tokens of the Mercure protocol (draft-07) that a run signs itself, where it has the secret of the
//! server: a token that somebody else has made ends in the middle of a long run.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::PlanError;

/// HS256 needs at least as many bytes (RFC 7518, section 3.2).
const BYTES_MIN: usize = 32;
const BYTES_MAX: u64 = 64 << 10;

/// A token that may publish to and subscribe to everything for so long.
pub(super) fn signed_token(file: &Path, lifetime: Duration) -> Result<String, PlanError> {
    let wrong = |why: String| PlanError::Secret { file: file.to_owned(), why };
    let mut secret = Vec::new();
    let opened = std::fs::File::open(file).map_err(|error| wrong(error.to_string()))?;
    opened.take(BYTES_MAX).read_to_end(&mut secret).map_err(|error| wrong(error.to_string()))?;
    // Editors end a file with a line break, which is no part of it.
    while secret.last().is_some_and(|byte| b"\r\n".contains(byte)) {
        secret.pop();
    }
    if secret.len() < BYTES_MIN {
        return Err(wrong(format!(
            "it has {} bytes, and HS256 needs at least {BYTES_MIN}",
            secret.len()
        )));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let claims = json!({
        "exp": (now + lifetime).as_secs(),
        "mercure": { "publish": ["*"], "subscribe": ["*"] },
    });
    let key = EncodingKey::from_secret(&secret).map_err(|error| wrong(error.to_string()))?;
    encode(&Header::default(), &claims, &key).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn file(secret: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), secret).unwrap();
        file
    }

    #[test]
    fn a_token_of_the_secret_is_good_for_everything_until_the_run_has_ended() {
        let file = file(&format!("{SECRET}\n"));
        let token = signed_token(file.path(), Duration::from_secs(600)).unwrap();
        let key = DecodingKey::from_secret(SECRET.as_bytes()).unwrap();
        let claims = decode::<Value>(&token, &key, &Validation::default()).unwrap().claims;
        assert_eq!(claims["mercure"], json!({ "publish": ["*"], "subscribe": ["*"] }));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!((now + 590..=now + 600).contains(&claims["exp"].as_u64().unwrap()));
    }

    #[test]
    fn a_secret_that_cannot_be_used_is_refused_with_its_file_and_is_not_shown() {
        for (secret, why) in [("too short", "HS256 needs at least 32"), ("", "0 bytes")] {
            let file = file(secret);
            let error = signed_token(file.path(), Duration::ZERO).unwrap_err().to_string();
            assert!(
                error.contains(why) && error.contains(file.path().to_str().unwrap()),
                "{error}"
            );
            assert!(secret.is_empty() || !error.contains(secret), "{error}");
        }
        let error = signed_token(Path::new("/nowhere"), Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains("No such file"), "{error}");
    }
}
