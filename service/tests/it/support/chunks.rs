//! A reader of bodies in chunks (RFC 9112, section 7.1) that forgives nothing.
//!
//! Clients are lenient, each in its own way; this one fails at the first byte that no server should
//! send: sizes with extensions, signs or leading zeros, line breaks that are not CRLF, trailers, and
//! anything after the last chunk.

/// How many digits a size may have: 4 GiB, far more than any chunk.
const SIZE_DIGITS_MAX: usize = 8;

/// A body that is on its way.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    unread: Vec<u8>,
    ended: bool,
}

impl Chunks {
    /// Takes bytes as they came, and gives the data of every chunk that is whole now.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        self.unread.extend_from_slice(bytes);
        let mut data = Vec::new();
        while !self.ended
            && let Some((size, begin)) = size_line(&self.unread)?
        {
            let end = begin + size;
            let after = self.unread.get(end..).unwrap_or_default();
            if !b"\r\n".starts_with(&after[..after.len().min(2)]) {
                return Err(format!("no line break after {size} bytes: {:?}", text(after)));
            }
            if after.len() < 2 {
                break;
            }
            data.extend_from_slice(&self.unread[begin..end]);
            self.ended = size == 0;
            self.unread.drain(..end + 2);
        }
        if self.ended && !self.unread.is_empty() {
            return Err(format!("bytes after the last chunk: {:?}", text(&self.unread)));
        }
        Ok(data)
    }

    /// Whether the last chunk has come.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// How many bytes of a chunk have come that is not whole.
    pub(crate) fn unfinished(&self) -> usize {
        self.unread.len()
    }
}

/// The size of the first chunk and where its data begins, if the line is there.
fn size_line(bytes: &[u8]) -> Result<Option<(usize, usize)>, String> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, after) = bytes.split_at(digits);
    if digits > SIZE_DIGITS_MAX
        || (digits == 0 && !after.is_empty())
        || (digits > 1 && size[0] == b'0')
        || !b"\r\n".starts_with(&after[..after.len().min(2)])
    {
        return Err(format!("no size of a chunk: {:?}", text(bytes)));
    }
    if after.len() < 2 {
        return Ok(None);
    }
    let size = usize::from_str_radix(&text(size), 16).map_err(|error| error.to_string())?;
    Ok(Some((size, digits + 2)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned()
}

#[test]
fn a_body_in_chunks_is_read_wherever_it_is_cut() {
    let body = b"2\r\n:\n\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n1\r\n\r\r\n0\r\n\r\n";
    for cut in 0..body.len() {
        let mut chunks = Chunks::default();
        let mut data = chunks.take(&body[..cut]).unwrap();
        assert!(!chunks.ended(), "{cut}");
        data.extend(chunks.take(&body[cut..]).unwrap());
        assert_eq!(text(&data), ":\nabcdefghijklmnopqrstuvwxyz\r", "{cut}");
        assert!(chunks.ended() && chunks.unfinished() == 0, "{cut}");
    }
}

#[test]
fn whatever_is_not_exactly_a_body_in_chunks_is_an_error() {
    let cases = [
        "\r\n",
        "x",
        "-1\r\n",
        " 1\r\n",
        "1 \r\n",
        "1;a=b\r\n",
        "01\r\n",
        "00\r\n",
        "1\n",
        "1\rx",
        "123456789",
        "1\r\nab",
        "1\r\na\n",
        "2\r\na\r\n1",
        "0\r\nx",
        "0\r\n\r\n0",
        "0\r\nA: b\r\n",
    ];
    for case in cases {
        assert!(Chunks::default().take(case.as_bytes()).is_err(), "{case:?}");
    }
}
