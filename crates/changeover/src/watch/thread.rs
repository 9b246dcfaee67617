//! The thread that looks at the file. File operations may hang (a dead network mount); they hang here alone.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::settle::Rules;
use super::{Events, Judgement, Mount, Settle, Sign, steps};
use crate::candidate::{Arrival, Message};
use crate::judge::Judge;
use crate::read::{self, Content, Look};
use crate::report::{Cause, Verdict};
use crate::status::Shared;

/// What other threads ask of the watch.
pub(crate) enum Command {
    /// Read the file now, whatever it looks like.
    Read(Cause, oneshot::Sender<Arc<Verdict>>),
    /// End.
    Stop,
}

/// Counters that the status shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct WatchCounters {
    pub(crate) mode: &'static str,
    pub(crate) events_seen: u64,
    pub(crate) polls_seen: u64,
    pub(crate) looked_at: Option<Instant>,
    pub(crate) finding: Option<String>,
}

/// The watch of one file.
pub(crate) struct Watch<S> {
    pub(crate) file: PathBuf,
    /// Whether changes are followed; commands are obeyed in any case.
    pub(crate) enabled: bool,
    pub(crate) events: Events,
    pub(crate) mount: Mount,
    pub(crate) settle: Settle,
    pub(crate) commands: Receiver<Command>,
    pub(crate) judge: Arc<Judge<S>>,
    pub(crate) messages: tokio::sync::mpsc::UnboundedSender<Message<S>>,
    pub(crate) shared: Arc<Shared>,
}

/// How often a disabled watch looks whether the file still is what it was: it takes nothing, and still tells a drift.
const GLANCE: Duration = Duration::from_secs(1);

/// Tries to read the file in one state of it before events are listened to again.
const READS_MAX: usize = 3;

/// The shortest wait without an event: a file that never holds still must not keep a core busy.
const BREATH: Duration = Duration::from_millis(1);

impl<S> Watch<S> {
    /// Runs until it is told to stop or nobody listens any more.
    pub(crate) fn run(mut self) {
        let mut glanced = None;
        loop {
            let timeout = match self.enabled {
                true => {
                    self.settle.wake_at(self.rules()).saturating_duration_since(Instant::now()).max(BREATH)
                }
                false => GLANCE,
            };
            let seen = self.events.wait(timeout);
            match self.obey() {
                Ok(true) => {}
                Ok(false) | Err(Gone) => return,
            }
            if !self.enabled {
                self.glance(&mut glanced);
            } else if self.look(seen).is_err() {
                return;
            }
        }
    }

    /// Says what the file is, and has nothing follow from it.
    fn glance(&self, glanced: &mut Option<Look>) {
        let look = Look::at(&self.file);
        if glanced.as_ref() == Some(&look) {
            return;
        }
        if let Some((look, content)) = read::read(&self.file) {
            self.shared.looked(look.modified_seconds());
            self.shared.read(self.judge.fingerprint(&content).shown());
            *glanced = Some(look);
        }
    }

    /// Carries out what was asked for meanwhile. `false`: stop.
    fn obey(&mut self) -> Result<bool, Gone> {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Read(cause, reply)) => self.read_now(cause, reply)?,
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return Ok(false),
                Err(TryRecvError::Empty) => return Ok(true),
            }
        }
    }

    fn look(&mut self, mut seen: super::Seen) -> Result<(), Gone> {
        let noticed = Instant::now();
        let rules = self.rules();
        if self.settle.poll_due(noticed) {
            self.shared.watch(|counters| counters.polls_seen += 1);
            if self.events.follow(&steps(&self.file)) {
                // What happened before the new watch stood, nobody told.
                seen.signs.push(Sign::Lost);
            }
            self.find();
        }
        let mode = self.events.mode();
        self.shared.watch(|counters| {
            counters.mode = mode;
            counters.events_seen += seen.events;
            counters.looked_at = Some(noticed);
        });
        let mut signs = seen.signs;
        loop {
            let look = Look::at(&self.file);
            self.shared.looked(look.modified_seconds());
            let due = self.settle.step(Instant::now(), &signs, &look, rules);
            if due && self.messages.send(Message::Coming).is_err() {
                return Err(Gone);
            }
            let read = if due { (0..READS_MAX).find_map(|_| read::read(&self.file)) } else { None };
            if due && read.is_none() {
                self.settle.unread();
            }
            if let Some((look, content)) = read {
                // Not a wait: a command that came meanwhile must find its wake-up untouched.
                let late = self.events.drain();
                self.shared.watch(|counters| counters.events_seen += late.events);
                // A writer has begun anew: what was read may be half of the next content.
                let torn = late.signs.iter().any(|sign| matches!(sign, Sign::Written | Sign::Created));
                if !torn {
                    self.judge(noticed, look, content, rules)?;
                }
                signs = late.signs;
                if !signs.is_empty() {
                    continue;
                }
            }
            self.shared.being_written(self.settle.being_written());
            return Ok(());
        }
    }

    /// Tells what keeps saves from arriving, as soon as it is found, and when it is over.
    fn find(&mut self) {
        let finding = self.mount.look(&self.file);
        let mut before = finding.clone();
        self.shared.watch(|counters| std::mem::swap(&mut counters.finding, &mut before));
        match &finding {
            same if *same == before => {}
            Some(finding) => tracing::error!("the settings watch: {finding}"),
            None => tracing::info!("the settings watch sees saves again"),
        }
    }

    fn judge(&mut self, noticed: Instant, look: Look, content: Content, rules: Rules) -> Result<(), Gone> {
        let read = Instant::now();
        let fingerprint = self.judge.fingerprint(&content);
        let judged = self.judge.judge(&content);
        let good = judged.is_ok();
        match self.settle.judge(Instant::now(), &look, fingerprint.number(), good, rules) {
            Judgement::Ignore | Judgement::Wait => Ok(()),
            Judgement::Take => {
                let arrival =
                    Arrival { cause: Cause::Save, fingerprint, content, judged, noticed, read, reply: None };
                self.send(arrival)
            }
        }
    }

    fn read_now(&mut self, cause: Cause, reply: oneshot::Sender<Arc<Verdict>>) -> Result<(), Gone> {
        let noticed = Instant::now();
        let unsettled =
            || (Look::at(&self.file), Content::Unreadable("the file is being written".to_owned()));
        let (look, content) = (0..READS_MAX).find_map(|_| read::read(&self.file)).unwrap_or_else(unsettled);
        let read = Instant::now();
        self.shared.looked(look.modified_seconds());
        let fingerprint = self.judge.fingerprint(&content);
        let judged = self.judge.judge(&content);
        self.settle.take(look, fingerprint.number());
        let reply = Some(reply);
        self.send(Arrival { cause, fingerprint, content, judged, noticed, read, reply })
    }

    fn send(&self, arrival: Arrival<S>) -> Result<(), Gone> {
        self.shared.read(arrival.fingerprint.shown());
        self.messages.send(Message::Arrival(arrival)).map_err(|_| Gone)
    }

    fn rules(&self) -> Rules {
        let tuning = self.shared.tuning();
        Rules { settle: tuning.settle, poll: tuning.poll, open_max: tuning.open_max }
    }
}

/// Nobody listens any more.
struct Gone;
