//! The server's socket and the settings that a chat cannot do without.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_http::Request;
use actix_service::{IntoServiceFactory, ServiceFactory};
use actix_web::{
    Error, HttpServer,
    body::MessageBody,
    dev::{AppConfig, Response, Service},
};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// How long the head of a request may take. It fits one packet.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// How long a connection may wait for its next request: longer than the 60 s after which common
/// proxies close theirs, so that it is never we who close one that is just being used.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a connection may be silent before the other end is asked whether it is still there, and
/// how long until it is asked again: with the user time-out, one that is not is noticed within 30 s.
const ASK_AFTER: Duration = Duration::from_secs(10);
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How a listening socket treats its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketOptions {
    /// The most that the kernel keeps for a client that does not read, in bytes.
    ///
    /// Left alone, Linux lets it grow to megabytes a connection, which hides a reader that has
    /// stopped. Measured at 64 KiB: 96 to 288 KiB in flight, loopback still above 400 MiB/s.
    pub send_buffer_bytes: usize,
    /// How long sent bytes may stay unacknowledged before the connection is given up (Linux only):
    /// a peer that vanished without a word, or that does not read.
    pub user_timeout: Duration,
    /// How many connections may wait to be accepted.
    pub backlog: i32,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { send_buffer_bytes: 64 * 1024, user_timeout: Duration::from_secs(30), backlog: 1024 }
    }
}

/// Opens a listening socket. Its options are inherited by every connection that it accepts.
///
/// # Errors
///
/// What the operating system says, for instance that the address is in use.
pub fn listen(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server takes the port although connections of the last one linger. On Windows
    // the option means something else: it lets two servers share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_send_buffer_size(options.send_buffer_bytes)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(options.user_timeout))?;
    // A client that vanished while nothing was sent to it is found only by asking.
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(ASK_AFTER).with_interval(ASK_AGAIN_AFTER),
    )?;
    socket.bind(&address.into())?;
    socket.listen(options.backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Gives a server the settings that this crate's routes need.
///
/// - A client that closes its end is gone (`h1_allow_half_closed(false)`). By default actix goes on
///   working for it, so that a turn whose client left would never be cancelled. A client that only
///   shuts down its sending side, and still reads, gets no answer.
/// - Each piece of an answer leaves at once (`tcp_nodelay`).
/// - The head of a request has 5 s to arrive, and an idle connection is kept for 75 s.
///
/// Whatever is set on the server afterwards counts.
pub fn require<F, I, S, B>(server: HttpServer<F, I, S, B>) -> HttpServer<F, I, S, B>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    server
        .h1_allow_half_closed(false)
        .tcp_nodelay(true)
        .client_request_timeout(HEAD_DEADLINE)
        .keep_alive(KEEP_ALIVE)
}
