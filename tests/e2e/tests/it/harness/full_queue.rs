//! An address that nobody answers at.

use std::{net::SocketAddr, time::Duration};

use socket2::{Domain, Socket, Type};

/// A listening socket that accepts nothing and whose queue is full, so that a further connection is
/// neither accepted nor refused.
#[derive(Debug)]
pub(crate) struct FullQueue {
    listener: Socket,
    _waiting: Vec<Socket>,
}

impl FullQueue {
    /// One on loopback.
    pub(crate) fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&any_port.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        loop {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            // The queue is full when a connection over loopback is not there at once.
            if socket.connect_timeout(&address, Duration::from_millis(200)).is_err() {
                return Self { listener, _waiting: waiting };
            }
            waiting.push(socket);
            assert!(waiting.len() < 64, "the queue is never full");
        }
    }

    /// Its address as a provider's.
    pub(crate) fn base_url(&self) -> String {
        let address = self.listener.local_addr().unwrap().as_socket().unwrap();
        format!("http://{address}/v1")
    }
}
