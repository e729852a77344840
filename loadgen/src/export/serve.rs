//! `GET /metrics`, on a thread and a runtime of its own, so that it responds while everything else
//! is busy. It lives as long as the program.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;

use super::figures::Figures;
use super::page;

/// Connections at a time: a few scrapers. They come out of the reserve of open files.
const CONNECTIONS: usize = 16;

/// How long a connection may wait with its next request, so that none is held for nothing.
const HEAD: Duration = Duration::from_secs(30);

/// Between two attempts to accept, when there are no files left.
const PAUSE: Duration = Duration::from_millis(100);

/// From Prometheus 3 on a scrape without it fails.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn start(listener: TcpListener, shown: Arc<Mutex<Figures>>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let builder = thread::Builder::new().name("metrics".to_owned());
    builder.spawn(move || runtime.block_on(serve(listener, shown)))?;
    Ok(())
}

async fn serve(listener: tokio::net::TcpListener, shown: Arc<Mutex<Figures>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = places.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let shown = shown.clone();
        tokio::spawn(async move {
            let service =
                service_fn(|request| ready(Ok::<_, Infallible>(response(&request, &shown))));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(stream), service);
            // Whether a scraper read its response to the end is not for a run to know.
            let _ = connection.await;
            drop(place);
        });
    }
}

fn response<B>(request: &Request<B>, shown: &Mutex<Figures>) -> Response<Full<Bytes>> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let figures = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
            (StatusCode::OK, page::write(&figures))
        }
        (&Method::GET | &Method::HEAD, _) => (StatusCode::NOT_FOUND, "try /metrics\n".to_owned()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORMAT));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
