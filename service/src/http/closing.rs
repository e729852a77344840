//! Closing a connection in stages (RFC 9112, section 9.6).
//!
//! Closing at once a socket on which bytes still arrive makes the kernel reset the connection, and
//! a reset takes away from the client what it has not read yet: the response that explains. So this
//! side is closed first, and what comes is read and thrown away until the client closes too.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

/// How long in all; a client that sends a body of some megabytes has finished by then.
const TIME_MAX: Duration = Duration::from_secs(5);
/// How long the client may be silent meanwhile: it has read the response, or it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(1);
/// How much is thrown away: twice the largest body, by default.
const BYTES_MAX: usize = 8 << 20;

/// Closes a connection after its last response.
pub(crate) async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let closed = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        let mut rest = vec![0; 8 << 10];
        let mut bytes = 0;
        while bytes < BYTES_MAX {
            match timeout(SILENCE_MAX, stream.read(&mut rest)).await {
                Ok(Ok(count)) if count > 0 => bytes += count,
                _ => return,
            }
        }
    };
    let _ = timeout(TIME_MAX, closed).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_still_comes_is_read_until_the_client_closes_or_is_silent() {
        // One that sends on without a pause is cut after some seconds, a silent one after one.
        for (pause, expected) in [(Duration::from_millis(100), TIME_MAX), (TIME_MAX, SILENCE_MAX)] {
            let (mut client, server) = tokio::io::duplex(1 << 10);
            let sending = tokio::spawn(async move {
                while client.write_all(&[0; 100]).await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
            });
            let began = tokio::time::Instant::now();
            close(server).await;
            assert_eq!(began.elapsed().as_secs(), expected.as_secs());
            sending.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_closed_is_not_waited_for() {
        let (client, server) = tokio::io::duplex(1 << 10);
        drop(client);
        let began = tokio::time::Instant::now();
        close(server).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_read_than_a_large_body() {
        let (mut client, server) = tokio::io::duplex(64 << 10);
        let sending = tokio::spawn(async move {
            let mut sent = 0;
            while client.write_all(&[0; 64 << 10]).await.is_ok() {
                sent += 64 << 10;
            }
            sent
        });
        close(server).await;
        let sent: usize = sending.await.unwrap();
        assert!((BYTES_MAX..BYTES_MAX + (1 << 20)).contains(&sent), "{sent}");
    }
}
