//! Unix sockets, and the files that they leave behind.
//!
//! Such a file outlives a server that was killed, and nobody can listen there again until it is
//! removed. So it is removed when nobody listens on it any more, and only then.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// For the owner and the group: who may connect may publish, as far as tokens do not forbid it.
const MODE: u32 = 0o660;

/// The file of a socket that we listen on. It is removed with this, unless another server has put
/// its own there.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

/// Opens a unix socket, in the place of a file that nobody listens on.
///
/// # Errors
/// When somebody listens there, when something else than a socket is there, or when the system does
/// not allow it.
pub fn listen_on_unix(path: &Path, backlog: u32) -> io::Result<(UnixListener, SocketFile)> {
    remove_if_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::of(path)?;
    // Before anybody can connect.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok((socket.into(), file))
}

fn remove_if_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket"));
        }
        Ok(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Where very many wait to be accepted, connecting would wait too.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "removing a socket that nobody listens on");
            fs::remove_file(path)
        }
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), identity: (file.dev(), file.ino()) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == self.identity);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "cannot remove the file of a socket; the next server will");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_is_there_for_owner_and_group_as_long_as_its_file_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (_listener, file) = listen_on_unix(&path, 16).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        UnixStream::connect(&path).unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn only_a_socket_that_nobody_listens_on_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (listener, file) = listen_on_unix(&path, 16).unwrap();
        let in_use = listen_on_unix(&path, 16).unwrap_err();
        assert_eq!(in_use.kind(), io::ErrorKind::AddrInUse);
        // As after a kill: the file is left.
        std::mem::forget(file);
        drop(listener);
        assert!(path.exists());
        let (_listener, _file) = listen_on_unix(&path, 16).unwrap();
        UnixStream::connect(&path).unwrap();

        let text = folder.path().join("text");
        fs::write(&text, "mine").unwrap();
        let error = listen_on_unix(&text, 16).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&text).unwrap(), "mine");
    }

    #[test]
    fn the_file_of_a_successor_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (_first, file) = listen_on_unix(&path, 16).unwrap();
        // Otherwise the successor's file may be given the same inode.
        fs::rename(&path, folder.path().join("before")).unwrap();
        let (_second, _file) = listen_on_unix(&path, 16).unwrap();
        drop(file);
        UnixStream::connect(&path).unwrap();
    }
}
