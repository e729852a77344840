//! A client that makes one request at a time on a connection that it keeps, and blocks: a publisher
//! has nothing else to do, and a sleep or a read that returns late is then the kernel's doing and
//! not a runtime's.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

use super::deadline::DeadlineStream;
use crate::http1::{Body, HeadReader};
use crate::plan::{Endpoint, TlsTrust};
use crate::readers::{ReaderError, tls};

/// Bytes of a response's body.
const LONGEST: usize = 8 << 20;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("{}", .0.kind())]
    Io(#[from] io::Error),
    #[error("the connection ended before an answer")]
    Closed,
    #[error("the answer is not HTTP: {0}")]
    NotHttp(String),
    #[error("the answer is longer than {} MiB", LONGEST >> 20)]
    TooLong,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A connection that is made when it is needed. One call, from connecting to the last byte of its
/// response, takes no longer than the timeout, whatever the server does.
pub(crate) struct Client {
    endpoint: Endpoint,
    tls: Option<std::sync::Arc<rustls::ClientConfig>>,
    timeout: Duration,
    transport: Option<Transport>,
    buffer: Vec<u8>,
}

enum Transport {
    Plain(DeadlineStream),
    Tls(Box<StreamOwned<ClientConnection, DeadlineStream>>),
}

impl Client {
    pub(crate) fn new(
        endpoint: Endpoint,
        trust: &TlsTrust,
        timeout: Duration,
    ) -> Result<Self, ReaderError> {
        let tls = endpoint.tls.then(|| tls::client(trust, b"http/1.1")).transpose()?;
        Ok(Self { endpoint, tls, timeout, transport: None, buffer: vec![0; 16 << 10] })
    }

    /// Makes the connection, unless it is there and the server has not closed it.
    pub(crate) fn connect(&mut self) -> io::Result<()> {
        self.connect_by(Instant::now() + self.timeout)
    }

    fn connect_by(&mut self, deadline: Instant) -> io::Result<()> {
        if self.transport.as_ref().is_some_and(Transport::is_alive) {
            return Ok(());
        }
        self.transport = None;
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in &self.endpoint.addresses {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(address, left) {
                Ok(stream) => {
                    self.transport = Some(self.wrap(DeadlineStream::new(stream, deadline))?);
                    return Ok(());
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// With TLS the handshake is made at once: neither its time nor a certificate that is not
    /// trusted belongs to the first event.
    fn wrap(&self, mut stream: DeadlineStream) -> io::Result<Transport> {
        stream.socket().set_nodelay(true)?;
        let Some(config) = &self.tls else { return Ok(Transport::Plain(stream)) };
        let name = tls::server_name(&self.endpoint.host).map_err(io::Error::other)?;
        let mut connection =
            ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Transport::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    /// Gives the connection up.
    pub(super) fn disconnect(&mut self) {
        self.transport = None;
    }

    /// The plain connection, for callers that write to it themselves.
    pub(super) fn into_plain(self) -> Option<DeadlineStream> {
        match self.transport {
            Some(Transport::Plain(stream)) => Some(stream),
            _ => None,
        }
    }

    /// Sends a whole request and reads its response. After an error the next one has a new
    /// connection.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Response, ExchangeError> {
        let deadline = Instant::now() + self.timeout;
        self.connect_by(deadline)?;
        let result = self.exchange_once(request, deadline);
        if !matches!(result, Ok((_, true))) {
            self.transport = None;
        }
        result.map(|(response, _)| response)
    }

    /// The response, and whether the connection goes on.
    fn exchange_once(
        &mut self,
        request: &[u8],
        deadline: Instant,
    ) -> Result<(Response, bool), ExchangeError> {
        let Some(transport) = &mut self.transport else { return Err(ExchangeError::Closed) };
        transport.stream().finish_by(deadline);
        transport.write_all(request)?;
        transport.flush()?;
        let mut reader = HeadReader::default();
        let (head, begin) = loop {
            let count = match transport.read(&mut self.buffer)? {
                0 => return Err(ExchangeError::Closed),
                count => count,
            };
            let found = reader.feed(&self.buffer[..count]);
            if let Some(found) = found.map_err(|error| ExchangeError::NotHttp(error.to_string()))? {
                break found;
            }
        };
        let mut framing = head.body;
        let mut body = Vec::new();
        take(&mut framing, &begin, &mut body)?;
        while !framing.is_complete() {
            match transport.read(&mut self.buffer)? {
                0 if framing == Body::UntilClose => break,
                0 => return Err(ExchangeError::Closed),
                count => take(&mut framing, &self.buffer[..count], &mut body)?,
            }
        }
        let is_reusable = !head.closes && framing != Body::UntilClose;
        Ok((Response { status: head.status, body }, is_reusable))
    }
}

fn take(framing: &mut Body, mut bytes: &[u8], body: &mut Vec<u8>) -> Result<(), ExchangeError> {
    while !bytes.is_empty() {
        let content = framing.take(&mut bytes);
        let content = content.map_err(|error| ExchangeError::NotHttp(error.to_string()))?;
        if content.len() > LONGEST - body.len() {
            return Err(ExchangeError::TooLong);
        }
        body.extend_from_slice(content);
    }
    Ok(())
}

impl Transport {
    fn stream(&mut self) -> &mut DeadlineStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &mut stream.sock,
        }
    }

    /// Whether the server has not closed an idle connection. Writing to one that it has closed
    /// would leave open whether it took the event.
    fn is_alive(&self) -> bool {
        let stream = match self {
            Self::Plain(stream) => stream.socket(),
            Self::Tls(stream) => stream.sock.socket(),
        };
        let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
        let idle = matches!(&peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        // Over TLS there may be tickets to read, which say nothing about the end.
        let alive = idle || matches!((&peeked, self), (Ok(1..), Self::Tls(_)));
        alive && stream.set_nonblocking(false).is_ok()
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
