//! Sessions that are told when the list of tools changes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use changeover::{Decision, Engine};
use futures_util::future::join_all;
use rmcp::model::{SubscriptionFilter, Tool};
use rmcp::service::SubscriptionContext;
use rmcp::{Peer, RoleServer};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::tools;
use crate::services::Services;
use crate::settings::Settings;

/// How long one client may take to be told.
const TELL_TIMEOUT: Duration = Duration::from_secs(1);

/// The sessions that are told, and the streams that wait for it. Cheap to clone; every clone is the same list.
#[derive(Clone, Default)]
pub struct ToolListeners {
    peers: Arc<Mutex<Vec<Peer<RoleServer>>>>,
    /// How often the list has changed.
    changes: Arc<watch::Sender<u64>>,
}

impl ToolListeners {
    /// One more session. Those that have ended are forgotten.
    pub(super) fn add(&self, peer: Peer<RoleServer>) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.retain(|peer| !peer.is_transport_closed());
        peers.push(peer);
    }

    /// Tells every session that the list of tools is another one now.
    pub(super) async fn tell(&self) {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let told = peers.iter().filter(|peer| !peer.is_transport_closed()).map(async |peer| {
            match tokio::time::timeout(TELL_TIMEOUT, peer.notify_tool_list_changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a client of MCP was not told of changed tools"),
                Err(_) => tracing::debug!("a client of MCP takes no messages"),
            }
        });
        self.changes.send_modify(|changes| *changes += 1);
        join_all(told).await;
    }

    /// What a client may listen to without a session.
    pub(super) fn offered(requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        requested.tools_list_changed?;
        Some(SubscriptionFilter::builder().tools_list_changed().build())
    }

    /// Tells one stream of every change, until its client ends it or `gone`.
    pub(super) async fn listen(&self, stream: SubscriptionContext, gone: CancellationToken) {
        let mut changes = self.changes.subscribe();
        loop {
            tokio::select! {
                () = stream.cancelled() => return,
                () = gone.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
            if let Err(error) = stream.sink().notify_tool_list_changed().await {
                tracing::debug!(%error, "a client of MCP was not told of changed tools");
                return;
            }
        }
    }

    /// Tells the sessions whenever a changeover changes the list, until `shutdown`.
    pub async fn follow(self, engine: Engine<Settings, Services>, shutdown: CancellationToken) {
        let mut verdicts = engine.verdicts();
        let mut listed: Vec<Tool> = tools::listed(&engine.live().load());
        loop {
            let verdict = tokio::select! {
                () = shutdown.cancelled() => return,
                verdict = verdicts.recv() => verdict,
            };
            match verdict {
                Ok(verdict) if verdict.verdict != Decision::Applied => continue,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
            let now = tools::listed(&engine.live().load());
            if now != listed {
                listed = now;
                self.tell().await;
            }
        }
    }
}
