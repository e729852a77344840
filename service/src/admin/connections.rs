//! The connections of the admin listener: few, short, and never all taken.
//!
//! A client of it may be slow, stuck or hostile, and a probe has to get its response nevertheless:
//! one that gets none has the server restarted. So everything that a connection does has a
//! deadline, and when all slots are taken, the connection that has done nothing for the longest
//! time gives up its own.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use super::Admin;
use super::response::AdminResponse;
use super::route::ConnectionEnds;
use crate::file_limit::ADMIN_CONNECTIONS;
use crate::http::closing::close;

/// How long a connection has its slot for certain: long enough for a request that is on its way.
const SLOT_TIME_MIN: Duration = Duration::from_millis(100);
/// How long a head may take, and how long a connection may idle between requests.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// How long the client may take nothing of a response.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);
/// After so long a connection is closed with its next response, and a moment later in any case.
const AGE_MAX: Duration = Duration::from_secs(60);
/// The largest head in bytes; hyper takes no less than 8 KiB.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How many requests a connection may make.
const REQUESTS_MAX: u32 = 100;
/// How long to wait when the system has no more files to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves for ever.
pub(super) async fn serve(listener: std::net::TcpListener, admin: &Admin) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    let slots: Arc<AdminSlots> = Arc::default();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "cannot accept an admin connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let slot = AdminSlots::take(&slots).await;
        let (admin, ends) = (admin.clone(), ConnectionEnds { listener: address, peer });
        tokio::spawn(async move {
            converse(stream, &slot, |request| admin.respond(request, ends)).await;
        });
        // Open connections are served before many more are accepted.
        yield_now().await;
    }
}

async fn converse<S, A, F>(stream: S, slot: &AdminSlot, respond: A)
where
    S: AsyncRead + AsyncWrite,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = AdminResponse>,
{
    let ended = timeout(AGE_MAX + HEAD_TIME_MAX, respond_all(stream, slot, respond));
    tokio::select! {
        _ = ended => {}
        () = slot.is_lost() => tracing::debug!("an admin connection made room for another"),
    }
}

async fn respond_all<S, A, F>(stream: S, slot: &AdminSlot, respond: A)
where
    S: AsyncRead + AsyncWrite,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = AdminResponse>,
{
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME_MAX));
    let requests = AtomicU32::new(0);
    let service = service_fn(|request: Request<Incoming>| {
        slot.is_used();
        let is_last = requests.fetch_add(1, Ordering::Relaxed) + 1 >= REQUESTS_MAX;
        // Hardly anything here reads a body, and what follows one that was not read is no request.
        let has_body = !request.body().is_end_stream();
        let response = respond(request);
        Box::pin(async move {
            let mut response = response.await;
            if is_last || has_body {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut age = pin!(sleep(AGE_MAX));
    let mut is_old = false;
    let result = loop {
        tokio::select! {
            result = poll_fn(|task| connection.poll_without_shutdown(task)) => break result,
            () = &mut age, if !is_old => {
                is_old = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "admin connection ended");
    }
    close(connection.into_parts().io.into_inner()).await;
}

/// The slots of the connections that are open.
#[derive(Debug, Default)]
struct AdminSlots(Mutex<TakenSlots>);

#[derive(Debug, Default)]
struct TakenSlots {
    next: u64,
    by: BTreeMap<u64, Holder>,
}

#[derive(Debug)]
struct Holder {
    /// When it came, or made its last request.
    used: Instant,
    lost: CancellationToken,
}

/// A connection's slot; free again when it is dropped.
#[derive(Debug)]
struct AdminSlot {
    slots: Arc<AdminSlots>,
    number: u64,
    lost: CancellationToken,
}

impl AdminSlots {
    /// A slot, if need be that of the connection that has not used its own for the longest time.
    async fn take(this: &Arc<Self>) -> AdminSlot {
        loop {
            let entered = this.taken().enter();
            match entered {
                Ok((number, lost)) => return AdminSlot { slots: Arc::clone(this), number, lost },
                Err(wait) => sleep_until(wait).await,
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, TakenSlots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakenSlots {
    /// The number of a slot, or a moment to wait for if all connections have just been used.
    fn enter(&mut self) -> Result<(u64, CancellationToken), Instant> {
        let oldest = self.by.iter().min_by_key(|(_, holder)| holder.used);
        if let Some((&number, holder)) = oldest
            && self.by.len() >= ADMIN_CONNECTIONS
        {
            let certain_until = holder.used + SLOT_TIME_MIN;
            if certain_until > Instant::now() {
                return Err(certain_until);
            }
            holder.lost.cancel();
            self.by.remove(&number);
        }
        let (number, lost) = (self.next, CancellationToken::new());
        self.next += 1;
        self.by.insert(number, Holder { used: Instant::now(), lost: lost.clone() });
        Ok((number, lost))
    }
}

impl AdminSlot {
    fn is_used(&self) {
        if let Some(holder) = self.slots.taken().by.get_mut(&self.number) {
            holder.used = Instant::now();
        }
    }

    async fn is_lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for AdminSlot {
    fn drop(&mut self) {
        self.slots.taken().by.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use hyper::Response;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    /// How many seconds a connection lasts whose client does this, with responses of 100 KiB and a
    /// kernel that takes one.
    async fn lasts<C: Future<Output = ()> + Send + 'static>(
        client: impl FnOnce(DuplexStream) -> C,
    ) -> u64 {
        let slot = AdminSlots::take(&Arc::default()).await;
        let (theirs, ours) = duplex(1 << 10);
        let client = tokio::spawn(client(theirs));
        let began = Instant::now();
        let respond = |_| std::future::ready(Response::new(Full::from(vec![b'x'; 100 << 10])));
        converse(ours, &slot, respond).await;
        client.abort();
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_a_client_does_its_connection_ends() {
        let silent = lasts(async |_client: DuplexStream| std::future::pending().await);
        assert!((10..=12).contains(&silent.await), "nothing at all");
        let slow = lasts(async |mut client: DuplexStream| {
            for byte in REQUEST.iter().cycle() {
                let _ = client.write_all(&[*byte]).await;
                sleep(Duration::from_secs(1)).await;
            }
        });
        assert!((10..=12).contains(&slow.await), "a slow head");
        let stuck = lasts(async |mut client: DuplexStream| {
            let _ = client.write_all(&REQUEST.repeat(10)).await;
            std::future::pending::<()>().await;
        });
        assert!((10..=12).contains(&stuck.await), "an answer that is not read");
        let trickle = lasts(async |mut client: DuplexStream| {
            let _ = client.write_all(&REQUEST.repeat(10)).await;
            while client.read_u8().await.is_ok() {
                sleep(Duration::from_secs(5)).await;
            }
        });
        assert!((60..=71).contains(&trickle.await), "an answer that is read byte by byte");
        let busy = lasts(async |client: DuplexStream| {
            let (mut read, mut write) = tokio::io::split(client);
            tokio::spawn(async move {
                while write.write_all(REQUEST).await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
            });
            let _ = tokio::io::copy(&mut read, &mut tokio::io::sink()).await;
        });
        assert!((60..=71).contains(&busy.await), "one request after the other");
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_places_are_taken_the_one_that_was_not_used_for_the_longest_time_is_lost() {
        let slots: Arc<AdminSlots> = Arc::default();
        let mut taken = Vec::new();
        for _ in 0..ADMIN_CONNECTIONS {
            taken.push(AdminSlots::take(&slots).await);
            sleep(SLOT_TIME_MIN).await;
        }
        taken[0].is_used();
        let newest = AdminSlots::take(&slots).await;
        let lost: Vec<_> =
            taken.iter().enumerate().filter(|(_, slot)| slot.lost.is_cancelled()).collect();
        assert_eq!(lost.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1]);
        drop(taken.remove(5));
        let _another = AdminSlots::take(&slots).await;
        assert!(!taken[2].lost.is_cancelled(), "there was a free one");
        assert!(!newest.lost.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_loses_a_place_at_once() {
        let slots: Arc<AdminSlots> = Arc::default();
        let mut taken = Vec::new();
        for _ in 0..ADMIN_CONNECTIONS {
            taken.push(AdminSlots::take(&slots).await);
        }
        let began = Instant::now();
        let _next = AdminSlots::take(&slots).await;
        assert!(began.elapsed() >= SLOT_TIME_MIN);
        assert!(taken[0].lost.is_cancelled());
    }
}
