//! Where the token of a request stands.
//!
//! The first place that has one decides, whatever is wrong with it: a token that fails is never
//! replaced by another that the request has elsewhere.

use std::borrow::Cow;

use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};

use super::parameters::Pairs;
use super::problem::Problem;
use super::tickets;
use crate::auth::token::TokenPlace;

/// The parameter of draft-07.
pub(super) const PARAMETER: &str = "authorization";

const SCHEME: &str = "bearer";

/// In which places tokens are looked for.
#[derive(Clone, Debug)]
pub struct TokenPlaces {
    /// The parameter `authorization`.
    pub query: bool,
    /// The names of cookies, the first one first.
    pub cookies: Vec<String>,
}

impl Default for TokenPlaces {
    fn default() -> Self {
        let cookies = ["__Secure-mercure_access_token", "mercureAuthorization"];
        Self { query: true, cookies: cookies.map(str::to_owned).to_vec() }
    }
}

/// The token of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credential<'a> {
    pub(super) token: Cow<'a, str>,
    pub(super) place: TokenPlace,
}

impl TokenPlaces {
    /// The token of a request, if it has one.
    pub(super) fn find<'a>(
        &self,
        headers: &'a HeaderMap,
        parameters: &'a Pairs<'_>,
    ) -> Result<Option<Credential<'a>>, Problem> {
        if let Some(credential) = self.find_written(headers, parameters)? {
            return Ok(Some(credential));
        }
        let found = self.cookies.iter().find_map(|name| cookie(headers, name));
        Ok(found.map(|token| Credential { token, place: TokenPlace::Cookie }))
    }

    /// The ticket of a request for a stream, unless a token stands in a place before it. It goes before
    /// cookies, which a browser adds by itself.
    pub(super) fn ticket<'a>(
        &self,
        headers: &HeaderMap,
        parameters: &'a Pairs<'_>,
    ) -> Result<Option<&'a str>, Problem> {
        let is_before = self.find_written(headers, parameters)?.is_some();
        let found = parameters.iter().find(|(name, _)| name == tickets::PARAMETER);
        Ok(found.filter(|_| !is_before).map(|(_, ticket)| ticket.as_ref()))
    }

    /// The token that whoever made the request has written into it.
    fn find_written<'a>(
        &self,
        headers: &'a HeaderMap,
        parameters: &'a Pairs<'_>,
    ) -> Result<Option<Credential<'a>>, Problem> {
        if let Some(token) = in_header(headers)? {
            return Ok(Some(Credential { token: token.into(), place: TokenPlace::Header }));
        }
        let mut given = parameters.iter().filter(|_| self.query);
        let found = given.find(|(name, _)| name == PARAMETER);
        let of = |token: &'a str| Credential { token: token.into(), place: TokenPlace::Query };
        Ok(found.map(|(_, token)| of(token)))
    }
}

/// The token of `Authorization: Bearer`. The name of the scheme has no case (RFC 9110, section 11.1).
fn in_header(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let malformed = |what: &'static str| Problem::Authorization { what };
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(malformed("there is more than one header `Authorization`; send one"));
    }
    let text = line.to_str().unwrap_or_default();
    let token = text.split_once(' ').and_then(|(scheme, token)| {
        scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_matches(' '))
    });
    match token {
        Some(token) if !token.is_empty() && !token.contains([' ', ',']) => Ok(Some(token)),
        _ => Err(malformed("the header `Authorization` is not `Bearer` and a token; send that")),
    }
}

/// The value of the first cookie of this name (RFC 6265, section 4.2). Cookies of other applications
/// may have any bytes.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|&byte| byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        (pair[..equals].trim_ascii() == name.as_bytes()).then(|| pair[equals + 1..].trim_ascii())
    });
    values.next().map(|value| String::from_utf8_lossy(unquoted(value)))
}

fn unquoted(value: &[u8]) -> &[u8] {
    let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    inner.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::super::parameters::pairs;
    use super::*;

    type Expected = Option<(&'static str, TokenPlace)>;
    type HeaderLines<'a> = &'a [(&'static str, &'a str)];

    fn headers(lines: HeaderLines<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn found(lines: HeaderLines<'_>, query: &str) -> Result<Option<(String, TokenPlace)>, Problem> {
        let (headers, pairs) = (headers(lines), pairs(query).unwrap());
        let found = TokenPlaces::default().find(&headers, &pairs)?;
        Ok(found.map(|found| (found.token.into_owned(), found.place)))
    }

    #[test]
    fn the_first_place_that_has_a_token_decides() {
        let header = ("authorization", "Bearer h");
        let new = ("cookie", "a=b; __Secure-mercure_access_token=c; x=y");
        let old = ("cookie", "mercureAuthorization=o");
        let cases: [(HeaderLines<'_>, &str, Expected); 11] = [
            (&[], "", None),
            (&[header, new, old], "authorization=q", Some(("h", TokenPlace::Header))),
            (&[("authorization", "bEARER  h")], "", Some(("h", TokenPlace::Header))),
            (&[new, old], "topic=a&authorization=q", Some(("q", TokenPlace::Query))),
            (&[new, old], "", Some(("c", TokenPlace::Cookie))),
            (&[old, new], "Authorization=q", Some(("c", TokenPlace::Cookie))),
            (&[old], "", Some(("o", TokenPlace::Cookie))),
            (&[("cookie", "mercureAuthorization=\"o\"")], "", Some(("o", TokenPlace::Cookie))),
            (&[("cookie", "mercureAuthorization=")], "", Some(("", TokenPlace::Cookie))),
            (
                &[("cookie", "other=\u{e9}; mercureAuthorization=o")],
                "",
                Some(("o", TokenPlace::Cookie)),
            ),
            (&[("cookie", "xmercureAuthorization=o; mercureAuthorizationx=o")], "", None),
        ];
        for (lines, query, expected) in cases {
            let expected = expected.map(|(token, place)| (token.to_owned(), place));
            assert_eq!(found(lines, query), Ok(expected), "{lines:?} {query}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_read_is_no_reason_to_look_elsewhere() {
        let cases: [HeaderLines<'_>; 6] = [
            &[("authorization", "Basic YTpi")],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer ")],
            &[("authorization", "")],
            &[("authorization", "Bearer a b")],
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
        ];
        for lines in cases {
            let lines = [lines, &[("cookie", "mercureAuthorization=o")]].concat();
            let problem = found(&lines, "authorization=q").unwrap_err();
            assert!(matches!(problem, Problem::Authorization { .. }), "{lines:?}: {problem}");
        }
    }

    #[test]
    fn the_url_can_be_left_out() {
        let places = TokenPlaces { query: false, ..TokenPlaces::default() };
        let (headers, pairs) = (HeaderMap::new(), pairs("authorization=q").unwrap());
        assert_eq!(places.find(&headers, &pairs), Ok(None));
    }
}
