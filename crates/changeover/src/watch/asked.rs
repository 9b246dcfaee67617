//! What other threads ask of the watch: to read the file now, to check a content, to put it in the file's place.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::Watch;
use super::thread::READS_MAX;
use crate::aside::Aside;
use crate::blueprint::Occasion;
use crate::candidate::{Arrival, Message, Proposed};
use crate::judge::{Examined, Fingerprint};
use crate::proposal::{ABSENT, NotProposed, Proposal, Proposing};
use crate::read::{self, Content, Look};
use crate::relay::Gone;
use crate::report::{Cause, Problem, Verdict};

/// What other threads ask of the watch.
pub(crate) enum Command {
    /// Read the file now, whatever it looks like; who asks, as far as that is known.
    Read(Cause, Option<String>, oneshot::Sender<Arc<Verdict>>),
    /// Check a content that somebody asks for, and write it aside.
    Propose(Proposal, oneshot::Sender<Proposing>),
    /// Put it in the file's place, unless nobody waits for that any more.
    Put(Aside, Fingerprint, oneshot::Sender<Result<(), Problem>>),
    /// End.
    Stop,
}

impl<S> Watch<S> {
    /// Carries out what was asked for.
    pub(super) fn obey(&mut self, command: Command) -> Result<(), Gone> {
        match command {
            Command::Read(cause, actor, reply) => self.read_now(cause, actor, reply),
            Command::Propose(proposal, reply) => self.propose(proposal, reply),
            Command::Put(aside, fingerprint, reply) => {
                self.put(aside, fingerprint, reply);
                Ok(())
            }
            Command::Stop => Err(Gone),
        }
    }

    fn read_now(
        &mut self,
        cause: Cause,
        actor: Option<String>,
        reply: oneshot::Sender<Arc<Verdict>>,
    ) -> Result<(), Gone> {
        let noticed = Instant::now();
        let (look, content) = read::now(&self.file);
        let read = Instant::now();
        self.shared.looked(look.modified_seconds());
        let Examined { judged, others, fingerprint } = self.judge.examine(&content, None, self.shared.live());
        self.found_good = judged.is_ok();
        let view = self.belong(look, others);
        self.settle.take(view, fingerprint.number());
        let arrival = self.arrival(cause, fingerprint, content, judged, noticed, read);
        self.send(Arrival { actor, reply: Some(reply), ..arrival })
    }

    /// Checks what somebody asks for against what stands in the file, and writes it aside. The loop decides.
    fn propose(&mut self, proposal: Proposal, reply: oneshot::Sender<Proposing>) -> Result<(), Gone> {
        let noticed = Instant::now();
        let Proposal { file, content, cause, actor, if_match, allow_empty } = proposal;
        let Some((present, stands)) = (0..READS_MAX).find_map(|_| read::read(&self.file)) else {
            // Whoever asked may have gone.
            drop(reply.send(Err(NotProposed::Conflict { present: None })));
            return Ok(());
        };
        let found = self.judge.examine(&stands, None, self.shared.live()).fingerprint.shown();
        let seen = match &stands {
            Content::Missing => Some(ABSENT),
            // What cannot be read, nobody has seen.
            Content::Bytes(_) | Content::Unreadable(_) => found.as_deref(),
        };
        if if_match.is_some_and(|wanted| Some(wanted.as_str()) != seen) {
            drop(reply.send(Err(NotProposed::Conflict { present: found })));
            return Ok(());
        }
        let read = Instant::now();
        let occasion = if allow_empty { Occasion::RunningAllowEmpty } else { Occasion::Running };
        let (target, present, before) = match &file {
            None => (&self.file, present, stands.clone()),
            Some(other) => {
                let (look, content) = read::now(other);
                (other, look, content)
            }
        };
        let examined = match &file {
            None => self.judge.examine_on(&Content::Bytes(content.clone()), None, occasion),
            Some(other) => self.judge.examine(&stands, Some((other, &content)), self.shared.live()),
        };
        let Examined { mut judged, fingerprint, .. } = examined;
        let mut aside = None;
        if judged.is_ok() && before.bytes() != Some(&content) {
            match Aside::write(target, present, &content) {
                Ok(written) => aside = Some(written),
                Err(problem) => judged = Err(vec![problem]),
            }
        }
        let content = if file.is_none() { Content::Bytes(content) } else { stands };
        let (sender, verdict) = oneshot::channel();
        drop(reply.send(Ok(verdict)));
        let arrival = self.arrival(cause, fingerprint, content, judged, noticed, read);
        let arrival = Arrival { actor, proposed: Some(Proposed { aside }), reply: Some(sender), ..arrival };
        self.relay.tell(Message::Arrival(Box::new(arrival)))
    }

    fn put(&mut self, aside: Aside, fingerprint: Fingerprint, reply: oneshot::Sender<Result<(), Problem>>) {
        if reply.is_closed() {
            return;
        }
        let put = aside.put();
        let done = put.is_ok();
        let main = Look::at(&self.file);
        if done {
            // Before anybody hears of it: the file has this content from now on.
            self.shared.looked(main.modified_seconds());
            self.shared.read(fingerprint.shown());
        }
        // Whoever waited may have given up meanwhile: then it is a save like any other.
        if reply.send(put).is_ok() && done {
            self.settle.take(self.view(main), fingerprint.number());
        }
    }
}
