//! The first message of a client, as a library writes it, and as no library would.

use std::sync::Arc;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::super::scene::Certificates;

const HANDSHAKE: u8 = 22;
const RECORD_MAX: usize = 16 << 10;

/// A message that any server takes.
pub(super) fn usual(certificates: &Certificates) -> Vec<u8> {
    of_name(certificates, "localhost")
}

/// The same for a server of another name; an address is no name, and is not told.
pub(super) fn of_name(certificates: &Certificates, name: &str) -> Vec<u8> {
    let config = Arc::clone(certificates.connector(&["http/1.1"]).config());
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(config, name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// The same with a last extension of so many bytes, which is there to be passed over (RFC 7685).
pub(super) fn padded(certificates: &Certificates, padding: u16) -> Vec<u8> {
    // Behind the type and length of the record, and of the message in it.
    let mut body = usual(certificates)[9..].to_vec();
    let extensions = extensions_at(&body);
    let length = u16::try_from(body.len() - extensions - 2).unwrap() + 4 + padding;
    body[extensions..extensions + 2].copy_from_slice(&length.to_be_bytes());
    body.extend([0, 21]);
    body.extend(padding.to_be_bytes());
    body.resize(body.len() + usize::from(padding), 0);
    in_records(&message(&body))
}

/// Of a client that knows no later version than this one of TLS 1.
pub(super) fn of_version(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    // No session; two ciphers of those days; no compression.
    body.extend([0, 0, 4, 0xC0, 0x13, 0x00, 0x2F, 1, 0]);
    // The curves and how points are written.
    body.extend([0, 14, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0]);
    in_records(&message(&body))
}

/// A message that says that it is as long as one can be, and goes on for so many bytes.
pub(super) fn endless(bytes: usize) -> Vec<u8> {
    in_records(&[&[1, 0xFF, 0xFF, 0xFF][..], &vec![0; bytes]].concat())
}

/// One that is as long as is still read, and lacks its last bytes.
pub(super) fn unfinished(certificates: &Certificates) -> Vec<u8> {
    let mut bytes = padded(certificates, 60_000);
    bytes.truncate(bytes.len() - 10);
    bytes
}

/// Where the length of the extensions stands: behind version, random bytes, session, ciphers and
/// compressions.
fn extensions_at(body: &[u8]) -> usize {
    let session = 2 + 32;
    let ciphers = session + 1 + usize::from(body[session]);
    let length = usize::from(u16::from_be_bytes([body[ciphers], body[ciphers + 1]]));
    let compressions = ciphers + 2 + length;
    compressions + 1 + usize::from(body[compressions])
}

fn message(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1, length[1], length[2], length[3]], body].concat()
}

fn in_records(message: &[u8]) -> Vec<u8> {
    let record = |part: &[u8]| {
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        [&[HANDSHAKE, 3, 1, length[0], length[1]], part].concat()
    };
    message.chunks(RECORD_MAX).flat_map(record).collect()
}
