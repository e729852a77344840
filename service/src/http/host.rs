//! The host that a request is for (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
//!
//! A proxy between a client and this server, and the server, have to read the same host out of a
//! request: what is ambiguous is refused, because it could be let through for one host and served
//! for another.

use hyper::header::HOST;
use hyper::http::uri::Authority;
use hyper::{Request, Version};
use percent_encoding::percent_decode_str;

use super::problem::Problem;

/// Host and port as the client named them: those of the target if it has them, as in HTTP/2 and in
/// a request to a proxy, and otherwise those of the field `Host`. `None` where HTTP does not
/// require one, which is before HTTP/1.1.
pub(super) fn called_host<B>(request: &Request<B>) -> Result<Option<&str>, Problem> {
    let mut fields = request.headers().get_all(HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(Problem::Host("`Host` stands more than once; send it once"));
    }
    if field.is_none() && request.version() == Version::HTTP_11 {
        return Err(Problem::Host("`Host` is missing; HTTP/1.1 asks for it"));
    }
    let field = field.map(|field| field.to_str().ok().filter(|host| is_host(host)));
    let named = match field {
        Some(None) => {
            return Err(Problem::Host("`Host` is not a host; send `name` or `name:port`"));
        }
        Some(host) => host,
        None => None,
    };
    let Some(target) = request.uri().authority().map(Authority::as_str) else { return Ok(named) };
    if !is_host(target) {
        return Err(Problem::Host("the host of the target is not one; send `name` or `name:port`"));
    }
    // HTTP/1 says that the field is to be ignored then, HTTP/2 that both have to be the same.
    if request.version() == Version::HTTP_2
        && named.is_some_and(|named| !named.eq_ignore_ascii_case(target))
    {
        return Err(Problem::Host("`Host` and `:authority` differ; send one of them"));
    }
    Ok(Some(target))
}

/// `name`, `name:port` or nothing at all, which a target without a host has.
fn is_host(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    // RFC 3986 lets a name be percent-encoded, and the library's parser does not.
    let Ok(text) = percent_decode_str(text).decode_utf8() else { return false };
    let after_name = text.rfind(']').map_or(text.as_ref(), |end| &text[end..]);
    let port = after_name.rsplit_once(':').map_or("", |(_, port)| port);
    !text.contains('@')
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<Authority>().is_ok_and(|authority| !authority.host().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, target: &str, hosts: &[&str]) -> Request<()> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_request_is_for_the_host_of_its_target_or_else_of_its_field() {
        let cases: [(Version, &str, &[&str], Option<&str>); 12] = [
            (Version::HTTP_11, "/", &["a.example"], Some("a.example")),
            (Version::HTTP_11, "/", &["a.example:8080"], Some("a.example:8080")),
            (Version::HTTP_11, "/", &["[::1]:8080"], Some("[::1]:8080")),
            (Version::HTTP_11, "/", &["a.example:"], Some("a.example:")),
            (Version::HTTP_11, "/", &["%61.example:80"], Some("%61.example:80")),
            (Version::HTTP_11, "/", &[""], Some("")),
            (Version::HTTP_11, "http://b.example/", &["a.example"], Some("b.example")),
            (Version::HTTP_10, "/", &[], None),
            (Version::HTTP_10, "/", &["a.example"], Some("a.example")),
            (Version::HTTP_2, "http://b.example:1/", &[], Some("b.example:1")),
            (Version::HTTP_2, "http://b.example/", &["B.example"], Some("b.example")),
            (Version::HTTP_2, "/", &["a.example"], Some("a.example")),
        ];
        for (version, target, hosts, expected) in cases {
            let request = request(version, target, hosts);
            assert_eq!(called_host(&request), Ok(expected), "{version:?} {target} {hosts:?}");
        }
    }

    #[test]
    fn a_request_that_is_for_no_host_or_for_two_is_refused() {
        let cases: [(Version, &str, &[&str], &str); 15] = [
            (Version::HTTP_11, "/", &[], "missing"),
            (Version::HTTP_11, "http://a.example/", &[], "missing"),
            (Version::HTTP_11, "/", &["a.example", "a.example"], "more than once"),
            (Version::HTTP_11, "/", &["a.example", ""], "more than once"),
            (Version::HTTP_10, "/", &["a.example", "b.example"], "more than once"),
            (Version::HTTP_2, "http://a.example/", &["a.example", "a.example"], "more than once"),
            (Version::HTTP_2, "http://a.example/", &["b.example"], "differ"),
            (Version::HTTP_11, "/", &["a b"], "not a host"),
            (Version::HTTP_11, "/", &["a.example/path"], "not a host"),
            (Version::HTTP_11, "/", &["me@a.example"], "not a host"),
            (Version::HTTP_11, "/", &["me%40a.example"], "not a host"),
            (Version::HTTP_11, "/", &["%zz.example"], "not a host"),
            (Version::HTTP_11, "/", &["a.example, b.example"], "not a host"),
            (Version::HTTP_11, "/", &["a.example:port"], "not a host"),
            (Version::HTTP_11, "http://me@a.example/", &["a.example"], "of the target"),
        ];
        for (version, target, hosts, expected) in cases {
            let problem = called_host(&request(version, target, hosts)).unwrap_err().to_string();
            assert!(problem.contains(expected), "{version:?} {target} {hosts:?}: {problem}");
        }
    }
}
