//! The size of a request's head.
//!
//! hyper stops reading heads at twice the limit and answers 431 by itself, without a body. What is
//! in between is measured here, so that all but the largest heads get an answer that explains.

use hyper::Request;

use super::reply::Problem;

/// What hyper may read before it gives up.
pub(super) fn hard_limit(head_bytes_max: usize) -> usize {
    head_bytes_max * 2
}

/// Refuses a head that is over the limit.
pub(super) fn check<B>(request: &Request<B>, head_bytes_max: usize) -> Result<(), Problem> {
    if bytes(request) > head_bytes_max {
        return Err(Problem::HeadTooLarge { max: head_bytes_max });
    }
    Ok(())
}

fn bytes<B>(request: &Request<B>) -> usize {
    // `: ` and the line break of a field, and the spaces, version and line break of a request line.
    const FIELD: usize = 4;
    const LINE: usize = 12;
    let uri = request.uri();
    let target = uri.path_and_query().map_or(uri.path().len(), |target| target.as_str().len());
    let fields = request.headers().iter();
    let fields: usize = fields.map(|(name, value)| name.as_str().len() + value.len() + FIELD).sum();
    request.method().as_str().len() + target + LINE + fields
}
