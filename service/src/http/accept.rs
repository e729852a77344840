//! Accepting connections, as many as are allowed.
//!
//! A connection over a limit is served a refusal, so that its client learns why; only a few of
//! those are held at a time, and the rest are dropped at once.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::admission::{Admission, ConnectionGuard};
use super::connection;
use super::current::{CurrentContext, RequestRules};
use super::exchange::StreamMode;
use super::listener::PublicListener;
use super::{Context, HttpSettings};
use crate::auth::Authority;
use crate::logging::log_limited;
use crate::metrics::{AcceptError, Refusal};

/// How long to wait when the system has no more files to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The HTTP layer: the public listeners and what they serve.
#[derive(Clone, Debug)]
pub struct HttpServer {
    context: Arc<CurrentContext>,
    admission: Arc<Admission>,
}

impl HttpServer {
    /// A server of this context.
    #[must_use]
    pub fn new(context: Context) -> Self {
        let admission = Arc::new(Admission::new(&context.rules.settings));
        Self { context: Arc::new(CurrentContext::new(context)), admission }
    }

    /// Who decides what requests may do.
    #[must_use]
    pub fn authority(&self) -> Authority {
        self.context.get().rules.authority.clone()
    }

    /// Other rules for the requests that come from now on.
    pub fn apply(&self, rules: RequestRules) {
        self.admission.limit(&rules.settings);
        let requests_max = rules.settings.connections_per_address_max;
        self.context.get().client_limits.limit_requests(requests_max);
        self.context.apply(rules);
    }

    /// How many connections are open, also those whose socket a shard has.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.admission.serving()
    }

    /// Begins to accept; ends with the window of the drain, and then the port is closed.
    pub fn listen(&self, listener: PublicListener) {
        let (context, admission) = (Arc::clone(&self.context), Arc::clone(&self.admission));
        let lifecycle = context.get().lifecycle.clone();
        let tasks = lifecycle.tasks().clone();
        tasks.spawn(async move {
            tokio::select! {
                () = accept_all(&listener, &context, &admission) => {}
                () = lifecycle.closing() => {}
            }
        });
    }
}

async fn accept_all(
    listener: &PublicListener,
    current: &Arc<CurrentContext>,
    admission: &Arc<Admission>,
) {
    loop {
        let accepted = listener.accept().await;
        let context = current.get();
        let stream = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                context.metrics.accept_failed(kind_of(&error));
                if is_about_one_connection(&error) {
                    continue;
                }
                log_limited!(WARN, %error, "cannot accept connections; raise the file limit if it is reached");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let peer = stream.peer();
        let address = peer.map(|peer| peer.ip());
        tracing::debug!(peer = %stream, "connection accepted");
        let counted = context.client_limits.counted_at_accept(address);
        let (permit, mode) = match admission.admit(counted) {
            Ok(permit) => (permit, StreamMode::Serve { peer }),
            Err(refusal) => {
                context.metrics.connection_refused(refusal);
                warn_of(refusal, address, &context.rules.settings);
                match admission.admit_for_refusal() {
                    Some(permit) => (permit, StreamMode::Refuse(refusal)),
                    None => continue,
                }
            }
        };
        // One that is refused has been counted as such, and is over the limit of the open ones.
        let open = matches!(mode, StreamMode::Serve { .. }).then(|| context.metrics.connection());
        let guard = ConnectionGuard::new(permit, open, context.lifecycle.tasks().token());
        tokio::spawn(connection::serve(stream, mode, Arc::clone(current), guard));
    }
}

fn warn_of(refusal: Refusal, address: Option<IpAddr>, settings: &HttpSettings) {
    let connections = settings.connections_max;
    let per_address = settings.connections_per_address_max;
    match refusal {
        Refusal::Limit => log_limited!(
            WARN,
            connections,
            "connections are refused because all are taken; raise --connections and the file limit, or add a server"
        ),
        Refusal::AddressLimit => log_limited!(
            WARN,
            address = address.map(tracing::field::display),
            per_address,
            "connections of an address are refused because it has as many as one may have; if it is a proxy, name it with --trusted-proxy; if many clients share it, raise --connections-per-address"
        ),
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The two limits are told apart because they are raised in different places.
fn kind_of(error: &io::Error) -> AcceptError {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => AcceptError::ProcessFileLimit,
        Some(Errno::NFILE) => AcceptError::SystemFileLimit,
        _ if is_about_one_connection(error) => AcceptError::Aborted,
        _ => AcceptError::Other,
    }
}

/// Bounds what the kernel holds for a connection, and how long it believes in a silent peer: a
/// policy for slow readers means little if minutes of data have left us already.
///
/// Accepted sockets inherit the options of the listener, which saves four system calls for each.
///
/// # Errors
/// When the system does not take an option.
pub fn set_options(listener: &TcpListener, settings: &HttpSettings) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(settings.send_buffer_bytes)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_notsent_lowat(settings.unsent_bytes_max)?;
        socket.set_tcp_user_timeout(Some(settings.peer_timeout))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn accepted_sockets_inherit_the_options_of_their_listener() {
        let settings = HttpSettings {
            send_buffer_bytes: 40 << 10,
            unsent_bytes_max: 12_345,
            peer_timeout: Duration::from_secs(33),
            ..HttpSettings::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        set_options(&listener, &settings).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().unwrap());
        // The kernel doubles it.
        assert_eq!(socket.send_buffer_size().unwrap(), 80 << 10);
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_notsent_lowat().unwrap(), 12_345);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(33)));
        }
    }
}
