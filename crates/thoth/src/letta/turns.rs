//! Turns: a Letta server wants the requests to one agent one after the other.
//!
//! They stand outside generations: an answer that is being written ends on the old client, and the next message to the
//! same agent, by the new one, waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Held while an agent is busy with a message.
pub(super) type Turn = Arc<tokio::sync::Mutex<()>>;

/// The turns of a process, by server and agent. Cheap to clone; every clone is the same list.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    by_agent: Arc<Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>>,
}

impl Turns {
    /// The turn at this agent of this server: the same one for everybody who asks while somebody has it.
    pub(super) fn at(&self, server: &str, agent: &str) -> Turn {
        let mut turns = self.by_agent.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let name = format!("{server} {agent}");
        if let Some(turn) = turns.get(&name).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Turn::default();
        turns.insert(name, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_agent_has_one_turn_and_nothing_is_kept_for_nobody() {
        let turns = Turns::default();
        let first = turns.at("http://a", "thoth");
        assert!(Arc::ptr_eq(&first, &turns.clone().at("http://a", "thoth")));
        assert!(!Arc::ptr_eq(&first, &turns.at("http://b", "thoth")));
        drop(first);
        let _other = turns.at("http://a", "other");
        assert_eq!(turns.by_agent.lock().unwrap().len(), 1);
    }
}
