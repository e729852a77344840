//! `POST /word-runs`: begins a run of words, and says on which topic.

use hyper::header::{CACHE_CONTROL, HeaderValue, LOCATION};
use hyper::{Request, StatusCode};

use super::Context;
use super::authorise;
use super::parameters::pairs;
use super::problem::Problem;
use super::response::{self, HttpResponse};

pub(super) const PATH: &str = "/word-runs";

/// Whoever may subscribe may begin one. Nothing of the body is looked at.
pub(super) async fn begin<B>(
    request: &Request<B>,
    context: &Context,
) -> Result<HttpResponse, Problem> {
    let demos = context.demos.as_ref().ok_or(Problem::NotFound)?;
    let parameters = pairs(request.uri().query().unwrap_or_default())?;
    authorise::stream(request.headers(), &parameters, context).await?;
    let too_many = Problem::TooMany { what: "the server has as many runs of words as it may have" };
    let topic = demos.begin_words(&context.hub).ok_or(too_many)?;
    let topic = topic.as_str().to_owned();
    let location = HeaderValue::try_from(format!("/events/{topic}")).ok();
    let mut response = response::whole(StatusCode::CREATED, "text/plain; charset=utf-8", topic);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(location.map(|location| (LOCATION, location)));
    Ok(response)
}
