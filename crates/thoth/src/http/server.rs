//! The follower that owns the served ports: serve the new address, hand the old one over, close it.
//!
//! ```text
//!            wanted                    no longer wanted              `reload.handoverMs` later
//!  (bound) ─────────► served ──────────────────────────► leaving ──────────────────────────────► closed
//!                       ▲        answers `Connection: close`  │       requests in flight finish,
//!                       └─────────────── wanted again ────────┘       event streams end
//! ```
//!
//! Old and new port lead to the same router, and each request loads the live generation anew: there is no «old server».
//! The API and MCP have ports of their own; what a port leads to is looked up for each request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use changeover::{Engine, Followed, Follower, Stopped};
use socket2::{SockAddr, SockRef, Socket};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{self, Arrival, Standing};
use super::generation::Generation;
use super::listeners::{Listeners, Reserved, covers};
use super::router::{Entrance, Routers};
use super::state::Owners;
use crate::instances::record::Instance;
use crate::services::Services;
use crate::settings::Settings;

/// Connections at one time, at most.
const CONNECTIONS_MAX: usize = 1_024;
/// File descriptors that connections leave to everything else.
const DESCRIPTORS_SPARED: usize = 128;
/// How long requests in flight may take to finish when the process ends.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(1_500);
/// How soon to look again at a port that should close but that a candidate has reserved.
const CLOSE_AGAIN: Duration = Duration::from_millis(100);
/// How long to wait when the kernel refuses to accept (no descriptors left).
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The name under which the owner of the ports says how it stands.
pub(super) const NAME: &str = "ports";

/// Follows the addresses of the live generation.
///
/// # Errors
/// The engine has stopped.
pub fn follower(engine: &Engine<Settings, Services>) -> Result<Follower<Settings, Services>, Stopped> {
    engine.follower(NAME, |generation| {
        (generation.services.http.identity(), generation.services.mcp.identity())
    })
}

/// Serves what the live generation wants served, until `shutdown`. Cancels `serving` when it first does; returns when every
/// connection has ended.
pub async fn serve(
    listeners: Listeners,
    mut follower: Follower<Settings, Services>,
    routers: Routers,
    instance: Arc<Instance>,
    owners: Owners,
    serving: CancellationToken,
    shutdown: CancellationToken,
) {
    let mut ports = Ports::new(listeners, routers);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = ports.close_due() => {}
            generation = follower.next() => {
                let Some(generation) = generation else { break };
                let did = follow(&mut ports, &generation, &instance).await;
                let trouble = did.as_ref().and_then(|did| did.as_ref().err().cloned());
                if trouble.is_none() {
                    serving.cancel();
                }
                owners.say(NAME, generation.number, ports.runs(), trouble);
                follower.followed(&generation, did);
            }
        }
    }
    ports.shutdown().await;
}

/// What [`serve`] would say if `next` took the place of `live`, as far as the two tell: of a port that is being left and is
/// wanted again they know nothing.
pub(super) fn foretold(live: &Generation, next: &Generation) -> Option<String> {
    let handover = handover(next);
    let (now, wanted) = (entrances(live), entrances(next));
    let new = wanted.iter().filter(|one| !now.contains(one));
    let new = new.map(|(entrance, address)| serving(*entrance, *address));
    let stays =
        |address: SocketAddr| wanted.iter().any(|(_, wanted)| *wanted == address || covers(*wanted, address));
    let left = now.iter().filter(|(_, address)| !stays(*address));
    let left = left.map(|(_, address)| leaving(*address, handover));
    let said: Vec<String> = new.chain(left).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// For how long what this generation leaves is still served.
fn handover(generation: &Generation) -> Duration {
    let reload = &generation.settings.reload;
    // A revert may go back to the port that was left, and must find it still held.
    let trial_ms = if generation.services.on_trial().is_empty() { 0 } else { reload.probation_ms };
    Duration::from_millis(reload.handover_ms.max(trial_ms))
}

/// What a generation wants served, and where.
fn entrances(generation: &Generation) -> Vec<(Entrance, SocketAddr)> {
    let services = &generation.services;
    let api = services.http.reserved.iter().map(|reserved| (Entrance::Api, reserved.address()));
    let mcp = services.mcp.reserved.iter().map(|reserved| (Entrance::Mcp, reserved.address()));
    api.chain(mcp).collect()
}

fn serving(entrance: Entrance, address: SocketAddr) -> String {
    format!("serving {}{address}", entrance.words())
}

fn leaving(address: SocketAddr, handover: Duration) -> String {
    format!("{address} for another {} ms", handover.as_millis())
}

/// Serves what this generation wants, and tells the command line where.
async fn follow(ports: &mut Ports, generation: &Generation, instance: &Arc<Instance>) -> Option<Followed> {
    let handover = handover(generation);
    let (http, mcp) = (&generation.services.http.reserved, &generation.services.mcp.reserved);
    let api = http.iter().map(|reserved| (Entrance::Api, reserved));
    let wanted: Vec<_> = api.chain(mcp.iter().map(|reserved| (Entrance::Mcp, reserved))).collect();
    let did = ports.follow(&wanted, handover);
    let written = match http.first().map(Reserved::address) {
        Some(address) => {
            let said = Arc::clone(instance);
            tokio::task::spawn_blocking(move || said.serves(address))
                .await
                .unwrap_or_else(|error| Err(error.into()))
        }
        None => Ok(()),
    };
    match (did, written) {
        (did, Ok(())) => did,
        (did, Err(error)) => {
            let did = did.map(|did| did.unwrap_or_else(|error| error) + ", but ").unwrap_or_default();
            Some(Err(format!("{did}`{}` cannot be written: {error}", instance.path().display())))
        }
    }
}

/// The served ports of a process.
pub(super) struct Ports {
    listeners: Listeners,
    routers: Routers,
    served: Vec<Port>,
    connections: Arc<Semaphore>,
    tasks: TaskTracker,
    abort: CancellationToken,
}

struct Port {
    address: SocketAddr,
    standing: Arc<Standing>,
    /// When it closes, if it is leaving.
    until: Option<Instant>,
}

impl Ports {
    pub(super) fn new(listeners: Listeners, routers: Routers) -> Self {
        Self {
            listeners,
            routers,
            served: Vec::new(),
            connections: Arc::new(Semaphore::new(connections_max())),
            tasks: TaskTracker::new(),
            abort: CancellationToken::new(),
        }
    }

    /// Serves `wanted`, and lets everything else leave after `handover`. Says what changed, if anything did.
    pub(super) fn follow(
        &mut self,
        wanted: &[(Entrance, &Reserved)],
        handover: Duration,
    ) -> Option<Followed> {
        let mut said = Vec::new();
        let mut failed = Vec::new();
        for (entrance, reserved) in wanted {
            match self.serve(*entrance, reserved) {
                Ok(false) => {}
                Ok(true) => said.push(serving(*entrance, reserved.address())),
                Err(error) => failed.push(format!("{} cannot be served: {error}", reserved.address())),
            }
        }
        if !failed.is_empty() {
            // What is served stays served: better a port too many than nobody at the door.
            return Some(Err(failed.join("; ")));
        }
        said.extend(self.settle(wanted, handover));
        (!said.is_empty()).then(|| Ok(said.join(", ")))
    }

    /// What is served, in words; without what is leaving.
    fn runs(&self) -> String {
        let staying = self.served.iter().filter(|port| port.until.is_none());
        let addresses: Vec<String> = staying.map(|port| port.address.to_string()).collect();
        format!("serving {}", addresses.join(", "))
    }

    /// Lets ports leave that are no longer wanted, and those stay that are wanted again.
    fn settle(&mut self, wanted: &[(Entrance, &Reserved)], handover: Duration) -> Vec<String> {
        let until = Instant::now() + handover;
        let mut said = Vec::new();
        for port in &mut self.served {
            // A socket that a wider one has taken over is kept: closing it could cut off a client at the door.
            let stays = wanted
                .iter()
                .map(|(_, reserved)| reserved.address())
                .any(|wanted| wanted == port.address || covers(wanted, port.address));
            match (stays, port.until) {
                (true, Some(_)) => {
                    port.until = None;
                    said.push(format!("{} stays", port.address));
                }
                (false, None) => {
                    port.until = Some(until);
                    said.push(leaving(port.address, handover));
                }
                (true, None) | (false, Some(_)) => {}
            }
            port.standing.leaving.store(!stays, Ordering::Release);
        }
        said
    }

    /// Says whether this was not served at the address before.
    fn serve(&mut self, entrance: Entrance, reserved: &Reserved) -> io::Result<bool> {
        let for_mcp = entrance == Entrance::Mcp;
        let listener = self.listeners.serve(reserved)?;
        let address = listener.local_addr()?;
        if let Some(port) = self.served.iter().find(|port| port.address == address) {
            return Ok(port.standing.for_mcp.swap(for_mcp, Ordering::AcqRel) != for_mcp);
        }
        let standing = Arc::new(Standing { for_mcp: for_mcp.into(), ..Standing::default() });
        self.served.push(Port { address, standing: Arc::clone(&standing), until: None });
        let door = Door {
            standing,
            routers: self.routers.clone(),
            connections: Arc::clone(&self.connections),
            tasks: self.tasks.clone(),
            abort: self.abort.clone(),
        };
        self.tasks.spawn(door.accept(listener));
        Ok(true)
    }

    /// Waits until a port has to close, and closes it. Never returns while none is leaving.
    pub(super) async fn close_due(&mut self) {
        let Some(next) = self.served.iter().filter_map(|port| port.until).min() else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(next).await;
        let now = Instant::now();
        let listeners = &self.listeners;
        self.served.retain_mut(|port| {
            if port.until.is_none_or(|until| until > now) {
                return true;
            }
            let closed = listeners.close(port.address);
            if closed {
                port.standing.end.cancel();
                tracing::info!(address = %port.address, "port closed");
            } else {
                port.until = Some(now + CLOSE_AGAIN);
            }
            !closed
        });
    }

    /// Closes every port. Requests in flight have [`SHUTDOWN_GRACE`] to finish.
    pub(super) async fn shutdown(self) {
        self.listeners.close_all();
        for port in &self.served {
            port.standing.end.cancel();
        }
        self.tasks.close();
        if tokio::time::timeout(SHUTDOWN_GRACE, self.tasks.wait()).await.is_err() {
            self.abort.cancel();
            self.tasks.wait().await;
        }
    }
}

/// The accept loop of one port.
struct Door {
    standing: Arc<Standing>,
    routers: Routers,
    connections: Arc<Semaphore>,
    tasks: TaskTracker,
    abort: CancellationToken,
}

impl Door {
    async fn accept(self, listener: Arc<TcpListener>) {
        loop {
            let permit = tokio::select! {
                () = self.standing.end.cancelled() => break,
                permit = Arc::clone(&self.connections).acquire_owned() => permit,
            };
            let Ok(permit) = permit else { break };
            tokio::select! {
                biased;
                () = self.standing.end.cancelled() => break,
                accepted = listener.accept() => self.admit(accepted, permit).await,
            }
        }
        // Whoever is in the kernel's queue already is still served: closing the socket would cut them off.
        // Asked of the kernel itself, since the runtime may not have heard of them yet.
        while let Ok((socket, peer)) = SockRef::from(listener.as_ref()).accept() {
            let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
                break;
            };
            self.admit(into_stream(socket, &peer), permit).await;
        }
    }

    async fn admit(&self, accepted: io::Result<(TcpStream, SocketAddr)>, permit: OwnedSemaphorePermit) {
        let (stream, peer, local) = match accepted.and_then(|(stream, peer)| {
            let local = stream.local_addr()?;
            Ok((stream, peer, local))
        }) {
            Ok(admitted) => admitted,
            Err(error) => {
                tracing::debug!(%error, "connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                return;
            }
        };
        let arrival = Arrival { peer, local, port: Arc::clone(&self.standing) };
        let connection = connection::serve(stream, arrival, self.routers.clone(), self.abort.clone());
        self.tasks.spawn(async move {
            connection.await;
            drop(permit);
        });
    }
}

fn into_stream(socket: Socket, peer: &SockAddr) -> io::Result<(TcpStream, SocketAddr)> {
    socket.set_nonblocking(true)?;
    let peer = peer.as_socket().ok_or_else(|| io::Error::other("the peer has no internet address"))?;
    Ok((TcpStream::from_std(socket.into())?, peer))
}

/// As many connections as the process has descriptors for, with some to spare for everything else it does.
fn connections_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let descriptors = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    descriptors
        .map_or(CONNECTIONS_MAX, |max| max.saturating_sub(DESCRIPTORS_SPARED).clamp(16, CONNECTIONS_MAX))
}
