//! Secrets in addresses: a user's name and password are sent as basic authentication (RFC 7617),
//! and neither they nor tokens in a query are ever shown.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

/// What stands where a secret is left out.
pub(crate) const HIDDEN: &str = "(not shown)";

/// Parameters of a query that carry secrets, by names that servers use.
const PARAMETERS: [&str; 9] = [
    "access_token",
    "api_key",
    "apikey",
    "authorization",
    "jwt",
    "password",
    "secret",
    "ticket",
    "token",
];

/// The value of `Authorization` for what stands before the host; nothing when nothing does.
pub(super) fn basic(url: &Url) -> Result<Option<String>, &'static str> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let name: Vec<u8> = percent_decode_str(url.username()).collect();
    let password: Vec<u8> = percent_decode_str(url.password().unwrap_or_default()).collect();
    if name.contains(&b':') {
        return Err("basic authentication has no way to send a user's name with a colon in it");
    }
    if name.iter().chain(&password).any(u8::is_ascii_control) {
        return Err("a user's name or password must not hold control characters");
    }
    let both = [name.as_slice(), b":", &password].concat();
    Ok(Some(format!("Basic {}", BASE64_STANDARD.encode(both))))
}

/// A text with addresses in it, without their secrets.
pub(crate) fn without_secrets(text: &str) -> String {
    without_parameters(&without_users(text))
}

/// The same of a text that is no address that could be read, so that where a password ends is not
/// known: all up to the last `@` may be one.
pub(super) fn without_possible_secrets(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("{HIDDEN}@{}", without_parameters(rest)),
        None => without_parameters(text),
    }
}

fn without_users(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, behind) = rest.split_at(at + 3);
        shown.push_str(before);
        let end = behind.find(['/', '?', '#', '\\']).unwrap_or(behind.len());
        let host = behind[..end].rfind('@').unwrap_or(0);
        if host > 0 {
            shown.push_str(HIDDEN);
        }
        shown.push_str(&behind[host..end]);
        rest = &behind[end..];
    }
    shown + rest
}

fn without_parameters(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['?', '&']) {
        let (before, behind) = rest.split_at(at + 1);
        shown.push_str(before);
        rest = behind;
        let Some((name, value)) = behind.split_once('=') else { continue };
        if PARAMETERS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            shown.push_str(&format!("{name}={HIDDEN}"));
            rest = &value[value.find(['&', '#', ' ', '"', '\'']).unwrap_or(value.len())..];
        }
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_become_basic_authentication() {
        let cases = [
            ("http://h/", None),
            ("http://user:pw@h/", Some("user:pw")),
            ("http://user@h/", Some("user:")),
            ("http://:pw@h/", Some(":pw")),
            ("http://us%40er:p%3A%2F%20w@h/", Some("us@er:p:/ w")),
            ("http://u:%C3%A9@h/", Some("u:\u{e9}")),
        ];
        for (url, both) in cases {
            let found = basic(&Url::parse(url).expect(url)).expect(url);
            let wanted = both.map(|both| format!("Basic {}", BASE64_STANDARD.encode(both)));
            assert_eq!(found, wanted, "{url}");
        }
        for (url, why) in [("http://a%3Ab:c@h/", "colon"), ("http://a:b%0Ac@h/", "control")] {
            let error = basic(&Url::parse(url).expect(url)).expect_err(url);
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn no_secret_of_an_address_is_shown() {
        let cases = [
            ("http://user:pw@h:1/a?b=c", "http://(not shown)@h:1/a?b=c"),
            ("http://us@er:p w'@h/{n}", "http://(not shown)@h/{n}"),
            ("http://h/mail@example?x=y@z", "http://h/mail@example?x=y@z"),
            ("--subscribe=https://u@h?q#f", "--subscribe=https://(not shown)@h?q#f"),
            (
                "redis-cli -u redis://:pw@h publish c",
                "redis-cli -u redis://(not shown)@h publish c",
            ),
            ("http://a:b@h/ http://c:d@i/", "http://(not shown)@h/ http://(not shown)@i/"),
            ("http://h/?Authorization=x.y&topic=a", "http://h/?Authorization=(not shown)&topic=a"),
            ("http://h/?topic=a&access_token=x", "http://h/?topic=a&access_token=(not shown)"),
            ("http://h/?tokens=5", "http://h/?tokens=5"),
        ];
        for (text, shown) in cases {
            assert_eq!(without_secrets(text), shown, "{text}");
        }
        assert_eq!(without_possible_secrets("http://user:p/w@h:x/"), "(not shown)@h:x/");
        assert_eq!(
            without_possible_secrets("http://h:x/?token=1"),
            "http://h:x/?token=(not shown)"
        );
    }
}
