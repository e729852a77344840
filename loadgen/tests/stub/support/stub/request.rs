//! Requests as they come over a connection: a head, and a body with a length or in chunks.
//!
//! Just enough of HTTP/1.1 for one client that speaks it well, and nothing of how the program under
//! test reads it.

use std::io::{self, BufRead, Read as _};

/// The head of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// Reads the next one; nothing when the connection has ended.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(first) = line(from)? else { return Ok(None) };
        let mut words = first.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        let mut head = Self { method: word(), path: word(), headers: Vec::new() };
        while let Some(line) = line(from)?.filter(|line| !line.is_empty()) {
            if let Some((name, value)) = line.split_once(':') {
                head.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Ok(Some(head))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_chunked(&self) -> bool {
        self.header("transfer-encoding") == Some("chunked")
    }

    /// The body of a request that says its length.
    pub(crate) fn body(&self, from: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let length = self.header("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        from.read_exact(&mut body)?;
        Ok(body)
    }
}

/// Reads a chunk; nothing when it is the last.
pub(crate) fn chunk(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let digits = line(from)?.unwrap_or_default();
    let length = u64::from_str_radix(&digits, 16).map_err(io::Error::other)?;
    let mut content = Vec::new();
    from.take(length).read_to_end(&mut content)?;
    line(from)?;
    Ok((length > 0).then_some(content))
}

fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = from.read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}
