//! `POST /word-runs`, `/slow-reader-runs` and `/reader-runs`: begins a run of a demonstration, and says on
//! which topic.

use hyper::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, HeaderValue, LOCATION};
use hyper::{Request, StatusCode};

use super::Context;
use super::authorise;
use super::host::called_host;
use super::parameters::pairs;
use super::problem::Problem;
use super::response::{self, HttpResponse};
use crate::demo::{Credentials, Demos};
use crate::topic::Topic;

pub(super) const WORDS: &str = "/word-runs";
pub(super) const SLOW_READERS: &str = "/slow-reader-runs";
pub(super) const MANY_READERS: &str = "/reader-runs";

/// What is begun.
#[derive(Clone, Copy, Debug)]
pub(super) enum DemoRun {
    Words,
    SlowReaders,
    ManyReaders,
}

/// Whoever may subscribe may begin one. Nothing of the body is looked at.
pub(super) async fn begin<B>(
    request: &Request<B>,
    run: DemoRun,
    context: &Context,
) -> Result<HttpResponse, Problem> {
    let demos = context.demos.as_ref().ok_or(Problem::NotFound)?;
    let parameters = pairs(request.uri().query().unwrap_or_default())?;
    authorise::stream(request.headers(), &parameters, context).await?;
    let topic = begun(request, run, (demos, context))?.as_str().to_owned();
    let location = HeaderValue::try_from(format!("/events/{topic}")).ok();
    let mut response = response::whole(StatusCode::CREATED, "text/plain; charset=utf-8", topic);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(location.map(|location| (LOCATION, location)));
    Ok(response)
}

fn begun<B>(
    request: &Request<B>,
    run: DemoRun,
    (demos, context): (&Demos, &Context),
) -> Result<Topic, Problem> {
    let hub = &context.hub;
    match run {
        DemoRun::Words => demos.begin_words(hub).ok_or(Problem::TooMany {
            what: "the server has as many runs of words as it may have",
        }),
        DemoRun::SlowReaders => demos.begin_slow_readers(hub).ok_or(Problem::TooMany {
            what: "slow readers are shown to somebody now, and one run goes on at a time",
        }),
        DemoRun::ManyReaders => Ok(demos.begin_many_readers(hub, credentials(request)?)?),
    }
}

/// The readers ask for their streams as whoever began the run would.
fn credentials<B>(request: &Request<B>) -> Result<Credentials, Problem> {
    let field = |name| request.headers().get(name).cloned();
    Ok(Credentials {
        host: called_host(request)?.map(str::to_owned),
        fields: [("Authorization", field(AUTHORIZATION)), ("Cookie", field(COOKIE))]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.as_bytes().to_vec())))
            .collect(),
    })
}
