//! The website of somebody else: it serves pages that use a library of npm in the way of its users.
//!
//! It has a name of its own, so that the server must have it on its list, and knows three folders of
//! `tests/peers`: `pages`, `node_modules`, and where our own client was installed. In a page, `{{name}}` stands for what the address of the
//! page says of that name, and `{{query}}` for all that it says.

use std::net::SocketAddr;
use std::path::{Component, Path};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Chromium takes this name for the loopback address; for the server it is just a name.
const HOST: &str = "elsewhere.example";
/// What Chromium must be started with.
pub(crate) const RESOLVE: &str = "--host-resolver-rules=MAP elsewhere.example 127.0.0.1";
/// No request of a browser for a page of ours is longer.
const REQUEST_BYTES_MAX: usize = 8 << 10;

/// The running website; it ends with the runtime of its test.
pub(crate) struct Site {
    address: SocketAddr,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((visitor, _)) = listener.accept().await {
                tokio::spawn(serve(visitor));
            }
        });
        Self { address }
    }

    /// As a browser sends it.
    pub(crate) fn origin(&self) -> String {
        format!("http://{HOST}:{}", self.address.port())
    }

    /// The address of a file below one of the folders.
    pub(crate) fn file(&self, path: &str) -> String {
        format!("{}/{path}", self.origin())
    }

    /// The address of a page that is told these values.
    pub(crate) fn page(&self, name: &str, values: &[(&str, &str)]) -> String {
        let values: Vec<_> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}/pages/{name}.html?{}", self.origin(), values.join("&"))
    }
}

async fn serve(mut visitor: TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && request.len() < REQUEST_BYTES_MAX {
        if visitor.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let request = String::from_utf8_lossy(&request);
    let target = request.split(' ').nth(1).unwrap_or("/");
    let (status, media_type, body) = response(target);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    let _ = visitor.write_all(&[head.as_bytes(), &body].concat()).await;
    let _ = visitor.shutdown().await;
}

/// Status, media type and body.
fn response(target: &str) -> (&'static str, &'static str, Vec<u8>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = Path::new(path.trim_start_matches('/'));
    let within = path.components().all(|part| matches!(part, Component::Normal(_)));
    let served =
        ["pages", "node_modules", ".built/clients"].iter().any(|own| path.starts_with(own));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let Some(text) =
        (within && served).then(|| std::fs::read_to_string(folder.join(path)).ok()).flatten()
    else {
        return ("404 Not Found", "text/plain", Vec::new());
    };
    let media_type = match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        _ => "text/javascript",
    };
    let text = if path.starts_with("pages") { filled(text, query) } else { text };
    ("200 OK", media_type, text.into_bytes())
}

fn filled(text: String, query: &str) -> String {
    let values = query.split('&').filter_map(|pair| pair.split_once('='));
    let filled =
        values.fold(text, |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value));
    filled.replace("{{query}}", query)
}
