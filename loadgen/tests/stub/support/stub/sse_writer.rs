//! How events become bytes on a socket: the lines of an event, the framing of the body, and the
//! pieces in which it is written. Pieces are cut from the framed bytes, so that the length of a
//! chunk is split as well.

use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::{Cut, Ending, Format, Frame, Pieces};

/// Writes a stream.
pub(super) struct SseWriter<'a> {
    socket: &'a TcpStream,
    format: Format,
    /// Events that wait until there are enough of them.
    waiting: Vec<u8>,
    count: usize,
}

impl<'a> SseWriter<'a> {
    /// Writes the head of the answer, and what a stream begins with: the id that it goes on from.
    pub(super) fn begin(socket: &'a TcpStream, format: Format, after: u64) -> Result<Self, Ending> {
        let framing = match format.frame {
            Frame::Chunks => "transfer-encoding: chunked\r\n",
            Frame::UntilClose => "connection: close\r\n",
        };
        let kind = "content-type: text/event-stream; charset=utf-8\r\n";
        let mut writer = Self { socket, format, waiting: Vec::new(), count: 0 };
        writer.put(format!("HTTP/1.1 200 OK\r\n{kind}{framing}\r\n").as_bytes())?;
        let end = format.line_end;
        let mut begin = String::from(if format.mark { "\u{feff}" } else { "" });
        if let Some(retry) = format.retry {
            begin += &format!("retry: {retry}{end}{end}");
        }
        begin += &format!("id: {after}{end}{end}");
        let framed = writer.framed(begin.as_bytes());
        writer.put(&framed)?;
        Ok(writer)
    }

    /// The lines of an event.
    pub(super) fn lines(&self, kind: Option<&str>, id: Option<u64>, data: &[u8]) -> Vec<u8> {
        let end = self.format.line_end;
        let comment = if self.format.comments {
            format!(": data: a comment{end}:{end}")
        } else {
            String::new()
        };
        let mut lines = comment.clone().into_bytes();
        if let Some(kind) = kind {
            lines.extend(format!("event: {kind}{end}").bytes());
        }
        if let Some(id) = id {
            lines.extend(format!("id: {id}{end}{comment}").bytes());
        }
        lines.extend(b"data: ");
        lines.extend(data);
        lines.extend(format!("{end}{comment}{end}").bytes());
        lines
    }

    /// Sends an event, with others or in pieces as the wire wants it.
    pub(super) fn send(&mut self, lines: &[u8]) -> Result<(), Ending> {
        let framed = self.framed(lines);
        self.waiting.extend(framed);
        self.count += 1;
        match self.format.pieces {
            Pieces::Together(count) if self.count < count => Ok(()),
            _ => self.flush(),
        }
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) -> Result<(), Ending> {
        self.count = 0;
        let bytes = std::mem::take(&mut self.waiting);
        let length = if let Pieces::Of(length) = self.format.pieces { length } else { usize::MAX };
        bytes.chunks(length).try_for_each(|piece| self.put(piece))
    }

    /// Whether events wait for others.
    pub(super) fn holds_back(&self) -> bool {
        self.count > 0
    }

    /// A chunk whose length is no number.
    pub(super) fn break_chunk(&mut self) -> Result<(), Ending> {
        self.flush()?;
        self.put(b"xyz\r\n: what follows has no meaning\r\n")
    }

    /// Sends the first bytes of an event, and ends the stream there.
    pub(super) fn cut(&mut self, lines: &[u8], length: usize, cut: Cut) -> Result<(), Ending> {
        self.flush()?;
        if length > 0 {
            let framed = self.framed(lines);
            let before = framed.len() - lines.len() - self.behind();
            self.put(&framed[..before + length])?;
        }
        match cut {
            Cut::Finish if self.format.frame == Frame::Chunks => self.put(b"0\r\n\r\n")?,
            Cut::Finish | Cut::Fin => {}
            Cut::Rst => reset(self.socket),
        }
        if cut != Cut::Rst {
            // The other side may be gone already, which ends the stream as well.
            let _ = self.socket.shutdown(Shutdown::Both);
        }
        Err(Ending::Cut)
    }

    fn framed(&self, content: &[u8]) -> Vec<u8> {
        match self.format.frame {
            Frame::UntilClose => content.to_vec(),
            Frame::Chunks => {
                let length = format!("{:x}\r\n", content.len());
                [length.as_bytes(), content, b"\r\n"].concat()
            }
        }
    }

    /// Bytes of the framing behind the content.
    fn behind(&self) -> usize {
        if self.format.frame == Frame::Chunks { 2 } else { 0 }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        let mut socket = self.socket;
        socket.write_all(bytes).map_err(|error| match error.kind() {
            // How the system says that a write took longer than it may.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ending::WhenSlow,
            _ => Ending::PeerClosed,
        })
    }
}

/// Has a socket reset its connection when it is closed.
pub(super) fn reset(socket: &TcpStream) {
    SockRef::from(socket).set_linger(Some(Duration::ZERO)).expect("an open socket");
}
