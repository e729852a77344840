//! The head of a request: how large it may be, and that it names one host.
//!
//! hyper stops reading heads at twice the limit, and at so many fields; what it makes of those on
//! HTTP/1 is replaced by what stands here ([`unreadable`]), so that every client is sent what to
//! do.

use hyper::{Request, StatusCode};

use super::host::called_host;
use super::problem::Problem;

/// How many fields a head may have. It is also how many hyper reads on HTTP/1 where nothing else is
/// said; more would cost it an allocation for each request.
pub(super) const FIELDS_MAX: usize = 100;

/// What hyper may read before it gives up.
pub(super) fn hard_limit(headers_bytes_max: usize) -> usize {
    headers_bytes_max * 2
}

/// Refuses a head that is over a limit, or that does not say for which host it is.
pub(super) fn check<B>(request: &Request<B>, headers_bytes_max: usize) -> Result<(), Problem> {
    let target = target_bytes(request);
    if target > headers_bytes_max {
        return Err(Problem::TargetTooLong { max: headers_bytes_max });
    }
    if bytes(request, target) > headers_bytes_max {
        return Err(Problem::HeadTooLarge { max: headers_bytes_max });
    }
    if request.headers().len() > FIELDS_MAX {
        return Err(Problem::TooManyFields { max: FIELDS_MAX });
    }
    called_host(request).map(|_| ())
}

/// The status, slug and detail for a head of HTTP/1 that hyper does not read: because it is too
/// large, or because it is none. `unread` is what there is of it.
pub(super) fn unreadable(
    error: &hyper::Error,
    unread: &[u8],
    headers_bytes_max: usize,
) -> (StatusCode, &'static str, String) {
    if !error.is_parse_too_large() {
        let detail = format!("this cannot be read as HTTP/1.1: {error}; see RFC 9112");
        return (StatusCode::BAD_REQUEST, "unreadable", detail);
    }
    // Empty lines before a request are none of it.
    let begin = unread.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(0);
    let head = &unread[begin..];
    let line = head.iter().position(|&byte| byte == b'\n').unwrap_or(head.len());
    let problem = if line > headers_bytes_max {
        Problem::TargetTooLong { max: headers_bytes_max }
    } else if head.len() > headers_bytes_max {
        Problem::HeadTooLarge { max: headers_bytes_max }
    } else {
        Problem::TooManyFields { max: FIELDS_MAX }
    };
    (problem.status(), problem.slug(), problem.to_string())
}

fn target_bytes<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    uri.path_and_query().map_or(uri.path().len(), |target| target.as_str().len())
}

fn bytes<B>(request: &Request<B>, target: usize) -> usize {
    // `: ` and the line break of a field, and the spaces, version and line break of a request line.
    const FIELD: usize = 4;
    const LINE: usize = 12;
    let fields = request.headers().iter();
    let fields: usize = fields.map(|(name, value)| name.as_str().len() + value.len() + FIELD).sum();
    request.method().as_str().len() + target + LINE + fields
}
