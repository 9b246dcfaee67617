//! The listening sockets of this process.
//!
//! A process has each address only once, so sockets live outside generations. Invariants:
//!
//! 1. A socket is held exactly as long as a reservation is open for it, or it is served.
//! 2. A reservation that is dropped before it was served leaves nothing behind.
//! 3. Preparing never takes a connection away from a socket that is served: where a new socket would be preferred by
//!    the kernel over one that is served (`127.0.0.1` beside `0.0.0.0`), it is bound at once and listens at the switch.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use changeover::Problem;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpListener;

/// Connections that the kernel keeps for us until they are accepted.
const BACKLOG: i32 = 1_024;

/// The registry of listening sockets. Cheap to clone; every clone is the same registry.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    held: Arc<Mutex<Vec<Held>>>,
}

/// One socket, and who wants it.
#[derive(Debug)]
struct Held {
    /// As it was asked for: the port may be 0.
    wanted: SocketAddr,
    address: SocketAddr,
    socket: State,
    /// Open reservations.
    reserved: usize,
    served: bool,
}

#[derive(Debug)]
enum State {
    /// Has the address, but takes no connections yet.
    Bound(Socket),
    Listening(Arc<TcpListener>),
}

/// An address that is this process's own. Dropping it before [`Listeners::serve`] gives the address back.
#[derive(Debug)]
pub struct Reserved {
    listeners: Listeners,
    wanted: SocketAddr,
    address: SocketAddr,
    settled: AtomicBool,
}

impl Reserved {
    /// The address, with the port that was really bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.settled.load(Ordering::Acquire) {
            self.listeners.release(self.address);
        }
    }
}

impl Listeners {
    /// Makes sure that `wanted` can be served, without serving it: adopts a socket that this process holds already,
    /// or binds a new one. `key` is the section of the settings that names the address. Must be called within the
    /// runtime.
    ///
    /// # Errors
    /// What stands in the way, in words for the author of the settings.
    pub fn reserve(&self, wanted: SocketAddr, key: &str) -> Result<Reserved, Problem> {
        let mut held = self.lock();
        let known = held.iter_mut().find(|held| held.answers_to(wanted));
        let address = match known {
            Some(known) => {
                known.reserved += 1;
                known.address
            }
            None => {
                let new = bind(wanted, &held).map_err(|error| refused(wanted, key, &error))?;
                let address = new.address;
                held.push(new);
                address
            }
        };
        Ok(Reserved { listeners: self.clone(), wanted, address, settled: AtomicBool::new(false) })
    }

    /// Reserves every address, or none.
    ///
    /// # Errors
    /// Every address that cannot be served, and why.
    pub fn reserve_all(&self, wanted: &[SocketAddr], key: &str) -> Result<Vec<Reserved>, Vec<Problem>> {
        let (mut reserved, mut problems) = (Vec::new(), Vec::new());
        for address in wanted {
            match self.reserve(*address, key) {
                Ok(one) => reserved.push(one),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(reserved) } else { Err(problems) }
    }

    /// Takes a reserved socket over for serving: from now on it is held until [`Listeners::close`].
    ///
    /// # Errors
    /// What the kernel says where a socket had to wait for the switch before it could listen.
    pub(super) fn serve(&self, reserved: &Reserved) -> io::Result<Arc<TcpListener>> {
        let mut held = self.lock();
        let position = held.iter().position(|held| held.address == reserved.address);
        let mut this = match position {
            Some(position) => held.swap_remove(position),
            // Closed since it was served: an older service came back.
            None => bind(reserved.wanted, &held)?,
        };
        if !reserved.settled.swap(true, Ordering::AcqRel) {
            this.reserved = this.reserved.saturating_sub(1);
        }
        let listener = this.listen(&held);
        if listener.is_ok() {
            this.served = true;
        }
        if this.served || this.reserved > 0 {
            held.push(this);
        }
        listener
    }

    /// Ends serving an address. Says `false`, and changes nothing, while a candidate has it reserved.
    pub(super) fn close(&self, address: SocketAddr) -> bool {
        let mut held = self.lock();
        let reserved = held.iter().any(|held| held.address == address && held.reserved > 0);
        if !reserved {
            held.retain(|held| held.address != address);
        }
        !reserved
    }

    /// Ends serving every address, whoever has it reserved.
    pub(super) fn close_all(&self) {
        self.lock().clear();
    }

    fn release(&self, address: SocketAddr) {
        let mut held = self.lock();
        held.retain_mut(|held| {
            if held.address == address {
                held.reserved = held.reserved.saturating_sub(1);
            }
            held.served || held.reserved > 0
        });
    }

    /// No code that runs under the lock leaves the list half changed, so a panic elsewhere does not matter.
    fn lock(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn answers_to(&self, wanted: SocketAddr) -> bool {
        self.wanted == wanted || self.address == wanted
    }

    fn as_socket(&self) -> SockRef<'_> {
        match &self.socket {
            State::Bound(socket) => SockRef::from(socket),
            State::Listening(listener) => SockRef::from(listener.as_ref()),
        }
    }

    fn listen(&mut self, others: &[Self]) -> io::Result<Arc<TcpListener>> {
        let bound = match &self.socket {
            State::Listening(listener) => return Ok(Arc::clone(listener)),
            State::Bound(socket) => socket,
        };
        let overlapping = overlapping(self.address, others);
        let listening = sharing_port(bound, &overlapping, || bound.listen(BACKLOG));
        listening?;
        let listener = Arc::new(TcpListener::from_std(bound.try_clone()?.into())?);
        self.socket = State::Listening(Arc::clone(&listener));
        Ok(listener)
    }
}

fn bind(wanted: SocketAddr, others: &[Held]) -> io::Result<Held> {
    let socket = Socket::new(Domain::for_address(wanted), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Connections of an earlier process that linger in TIME_WAIT must not keep us out.
    socket.set_reuse_address(true)?;
    let overlapping = overlapping(wanted, others);
    sharing_port(&socket, &overlapping, || socket.bind(&wanted.into()))?;
    let address = socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::other("the bound socket has no internet address"))?;
    let mut new = Held { wanted, address, socket: State::Bound(socket), reserved: 1, served: false };
    let would_take_connections = overlapping.iter().any(|other| other.address.ip().is_unspecified());
    if !would_take_connections {
        new.listen(others)?;
    }
    Ok(new)
}

fn overlapping(address: SocketAddr, others: &[Held]) -> Vec<&Held> {
    others.iter().filter(|other| overlap(address, other.address)).collect()
}

/// Whether the kernel takes both for the same: one port, and one of them stands for every address.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && (one.ip().is_unspecified() || other.ip().is_unspecified())
}

/// Whether connections to `address` arrive at `wide` when nothing more specific listens.
pub(super) fn covers(wide: SocketAddr, address: SocketAddr) -> bool {
    let same_family = wide.is_ipv4() == address.is_ipv4();
    wide != address && wide.port() == address.port() && wide.ip().is_unspecified() && same_family
}

/// Allows this process's own overlapping sockets beside `socket`, for one step only: the port must not stay open to
/// others. (Linux remembers the permission for programs of the same user that ask for it too; those could read the
/// token as well.)
fn sharing_port<T>(
    socket: &Socket,
    overlapping: &[&Held],
    step: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let allow = |allowed: bool| -> io::Result<()> {
        for other in overlapping {
            other.as_socket().set_reuse_port(allowed)?;
        }
        socket.set_reuse_port(allowed)
    };
    if overlapping.is_empty() {
        return step();
    }
    allow(true)?;
    let result = step();
    allow(false)?;
    result
}

fn refused(wanted: SocketAddr, key: &str, error: &io::Error) -> Problem {
    let (ip, port) = (wanted.ip(), wanted.port());
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            Problem::new(format!("{key}.port"), format!("port {port} on {ip} is taken")).hint(format!(
                "stop the program that listens there (`ss -ltnp 'sport = :{port}'` names it), or choose another port"
            ))
        }
        io::ErrorKind::PermissionDenied => Problem::new(
            format!("{key}.port"),
            format!("port {port} on {ip} may not be bound by this user"),
        )
        .hint("choose a port from 1024 on"),
        io::ErrorKind::AddrNotAvailable => {
            Problem::new(format!("{key}.host"), format!("`{ip}` is no address of this machine"))
                .hint("use `127.0.0.1` for this machine alone, or `0.0.0.0` for every network it is in")
        }
        _ => Problem::new(key, format!("{wanted} cannot be served: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};
    use std::time::Duration;

    use super::*;

    const KEY: &str = "servers.api";

    fn any_port() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 0).into()
    }

    fn on(ip: [u8; 4], port: u16) -> SocketAddr {
        (Ipv4Addr::from(ip), port).into()
    }

    async fn next_peer(listener: &TcpListener) -> SocketAddr {
        let accepted = tokio::time::timeout(Duration::from_secs(10), listener.accept()).await;
        let (_, peer) = accepted.expect("the connection went to another socket").unwrap();
        peer
    }

    fn connects(address: SocketAddr) -> bool {
        TcpStream::connect(address).is_ok()
    }

    #[tokio::test]
    async fn invariant_2_a_dropped_reservation_leaves_no_listening_socket() {
        let listeners = Listeners::default();
        let reserved = listeners.reserve(any_port(), KEY).unwrap();
        let address = reserved.address();
        assert!(connects(address), "a reservation holds the port");
        drop(reserved);
        assert!(!connects(address));
        assert!(listeners.lock().is_empty());
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_way_out() {
        let other = std::net::TcpListener::bind(any_port()).unwrap();
        let address = other.local_addr().unwrap();
        let problem = Listeners::default().reserve(address, KEY).unwrap_err();
        assert_eq!(problem.path, "servers.api.port");
        assert_eq!(problem.message, format!("port {} on 127.0.0.1 is taken", address.port()));
        assert!(problem.hint.unwrap().contains("choose another port"));
    }

    #[tokio::test]
    async fn another_machine_s_address_is_named() {
        // TEST-NET-1 belongs to nobody.
        let problem = Listeners::default().reserve(on([192, 0, 2, 1], 0), KEY).unwrap_err();
        assert_eq!(problem.path, "servers.api.host");
        assert_eq!(problem.message, "`192.0.2.1` is no address of this machine");
    }

    #[tokio::test]
    async fn a_held_socket_is_adopted_and_survives_a_refused_candidate() {
        let listeners = Listeners::default();
        let first = listeners.reserve(any_port(), KEY).unwrap();
        let listener = listeners.serve(&first).unwrap();
        let address = first.address();
        for wanted in [address, any_port()] {
            let again = listeners.reserve(wanted, KEY).unwrap();
            assert_eq!(again.address(), address);
            drop(again);
            assert!(connects(address));
        }
        assert_eq!(listener.local_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn a_socket_that_a_candidate_reserved_is_not_closed() {
        let listeners = Listeners::default();
        let first = listeners.reserve(any_port(), KEY).unwrap();
        let address = first.address();
        drop(listeners.serve(&first).unwrap());
        let candidate = listeners.reserve(address, KEY).unwrap();
        assert!(!listeners.close(address));
        drop(candidate);
        assert!(connects(address));
        assert!(listeners.close(address));
        assert!(!connects(address));
    }

    #[tokio::test]
    async fn an_address_that_was_closed_is_bound_again_when_its_service_comes_back() {
        let listeners = Listeners::default();
        let first = listeners.reserve(any_port(), KEY).unwrap();
        drop(listeners.serve(&first).unwrap());
        assert!(listeners.close(first.address()));
        drop(listeners.serve(&first).unwrap());
        // The port was free to choose, so it may be another one; what counts is that one is served.
        assert!(listeners.lock().iter().any(|held| held.served && connects(held.address)));
    }

    #[tokio::test]
    async fn the_same_port_on_another_host_address_can_be_prepared_and_taken_over() {
        for (old, new) in [([127, 0, 0, 1], [0, 0, 0, 0]), ([0, 0, 0, 0], [127, 0, 0, 1])] {
            let listeners = Listeners::default();
            let old = listeners.reserve(on(old, 0), KEY).unwrap();
            let old_listener = listeners.serve(&old).unwrap();
            let port = old.address().port();

            let new = listeners.reserve(on(new, port), KEY).unwrap();
            let client = TcpStream::connect(on([127, 0, 0, 1], port)).unwrap();
            let peer = next_peer(&old_listener).await;
            assert_eq!(
                peer,
                client.local_addr().unwrap(),
                "before the switch the old socket takes the connections"
            );

            let new_listener = listeners.serve(&new).unwrap();
            drop(old_listener);
            assert!(listeners.close(old.address()));
            let client = TcpStream::connect(on([127, 0, 0, 1], port)).unwrap();
            let peer = next_peer(&new_listener).await;
            assert_eq!(peer, client.local_addr().unwrap());
        }
    }

    #[tokio::test]
    async fn another_server_cannot_join_the_port_after_a_hand_over() {
        let listeners = Listeners::default();
        let old = listeners.reserve(any_port(), KEY).unwrap();
        drop(listeners.serve(&old).unwrap());
        let port = old.address().port();
        let new = listeners.reserve(on([0, 0, 0, 0], port), KEY).unwrap();
        drop(listeners.serve(&new).unwrap());

        for ip in [[127, 0, 0, 1], [0, 0, 0, 0], [127, 0, 0, 2]] {
            assert!(Listeners::default().reserve(on(ip, port), KEY).is_err(), "{ip:?}");
        }
    }

    #[test]
    fn what_covers_what() {
        let check = |wide: &str, address: &str, covered: bool| {
            assert_eq!(covers(wide.parse().unwrap(), address.parse().unwrap()), covered, "{wide} {address}");
        };
        check("0.0.0.0:8000", "127.0.0.1:8000", true);
        check("0.0.0.0:8000", "127.0.0.1:8001", false);
        check("0.0.0.0:8000", "0.0.0.0:8000", false);
        check("127.0.0.1:8000", "0.0.0.0:8000", false);
        check("[::]:8000", "[::1]:8000", true);
        check("0.0.0.0:8000", "[::1]:8000", false);
    }
}
