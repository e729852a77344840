//! A server that responds 204 to every request, over HTTP/1.1 or HTTP/2, so that no subscriber may
//! reconnect, and counts the requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// The server; it ends when it is dropped.
pub(crate) struct NoContent {
    pub(crate) address: SocketAddr,
    request_count: Arc<AtomicU64>,
    _runtime: Runtime,
}

impl NoContent {
    /// Speaks `h2` or `http/1.1`.
    pub(crate) fn over(protocol: &'static str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let request_count = Arc::new(AtomicU64::new(0));
        let count = request_count.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(response(stream, protocol, count.clone()));
            }
        });
        Self { address, request_count, _runtime: runtime }
    }

    pub(crate) fn request_count(&self) -> u64 {
        self.request_count.load(Ordering::SeqCst)
    }
}

async fn response(stream: TcpStream, protocol: &str, count: Arc<AtomicU64>) {
    let service = service_fn(move |_: Request<Incoming>| {
        count.fetch_add(1, Ordering::SeqCst);
        let mut response = Response::new(Empty::<Bytes>::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        async { Ok::<_, Infallible>(response) }
    });
    let io = TokioIo::new(stream);
    // How the other side ends a connection is its business.
    if protocol == "h2" {
        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
    } else {
        let _ = http1::Builder::new().serve_connection(io, service).await;
    }
}
