//! The thread that looks at the file. File operations may hang (a dead network mount); they hang here alone.

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use super::filesystem::FileSystem;
use super::settle::Rules;
use super::standing::{Finder, Reason};
use super::{
    Command, Events, Judgement, Mounts, Place, Pulse, Seen, Settle, Sign, Standing, Step, View, steps,
};
use crate::candidate::{Arrival, Message};
use crate::files::Other;
use crate::judge::{Examined, Fingerprint, Judge, Judged};
use crate::read::{self, Content, Look};
use crate::relay::{Gone, Relay};
use crate::report::Cause;
use crate::status::Shared;

/// Counters that the status shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct WatchCounters {
    pub(crate) mode: &'static str,
    pub(crate) filesystem: Option<String>,
    pub(crate) events_seen: u64,
    pub(crate) events_lost: u64,
    pub(crate) polls_seen: u64,
    pub(crate) seen_by_event: u64,
    pub(crate) seen_by_poll: u64,
    /// When the last look began.
    pub(crate) looked_at: Option<Instant>,
    /// Whether the thread has ended.
    pub(crate) ended: bool,
    pub(crate) without_events: Option<String>,
    pub(crate) finding: Option<String>,
}

/// The watch of one file.
pub(crate) struct Watch<S> {
    pub(crate) file: PathBuf,
    /// Whether changes are followed; commands are obeyed in any case.
    pub(crate) enabled: bool,
    pub(crate) events: Events,
    pub(crate) mounts: Mounts,
    pub(crate) settle: Settle,
    pub(crate) standing: Standing,
    /// The files that the last check read beside it.
    pub(crate) others: Vec<PathBuf>,
    /// The names on the way to these, as of the last walk.
    pub(crate) beside: Vec<Step>,
    /// Whether something has happened since then. A file that is at rest is read again every few seconds: that counts too.
    pub(crate) stirred: bool,
    /// Whether the last poll has left out what is looked at every second time.
    pub(crate) spared: bool,
    /// Whether the last check of what stands in the files accepted it.
    pub(crate) found_good: bool,
    /// What happened while the last content was read that was taken.
    pub(crate) late: Vec<Sign>,
    /// What the files were when a watch that is switched off glanced at them.
    pub(crate) glanced: Option<View>,
    pub(crate) commands: Receiver<Command>,
    pub(crate) judge: Arc<Judge<S>>,
    pub(crate) relay: Relay<S>,
    pub(crate) place: Arc<Place<S>>,
    pub(crate) shared: Arc<Shared>,
    /// Held to its end.
    pub(crate) _pulse: Pulse,
}

/// How often a disabled watch looks whether the file still is what it was: it takes nothing, and still tells a drift.
const GLANCE: Duration = Duration::from_secs(1);

/// Tries to read the file in one state of it before events are listened to again.
pub(super) const READS_MAX: usize = 3;

/// The shortest wait without an event: a file that never holds still must not keep a core busy.
const BREATH: Duration = Duration::from_millis(1);

impl<S> Watch<S> {
    /// Runs until it is told to stop, or nobody listens any more, or another thread has taken over.
    pub(crate) fn run(self: Box<Self>) {
        let mut next = Some(self);
        while let Some(watch) = next {
            next = watch.round();
        }
    }

    /// Waits, obeys, looks. `None`: it is over, on this thread at least.
    fn round(mut self: Box<Self>) -> Option<Box<Self>> {
        let seen = self.wait();
        // One after the other: what one has told is carried on before the next may hang at the file.
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command).ok()?,
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => break,
            }
            self = self.carry_on()?;
        }
        if self.enabled {
            self.look(seen).ok()?;
        } else {
            self.glance();
        }
        self.carry_on()
    }

    fn wait(&mut self) -> Seen {
        let timeout = match self.enabled {
            true if !self.late.is_empty() || self.events.astray() => Duration::ZERO,
            true => self.settle.wake_at(self.rules()).saturating_duration_since(Instant::now()).max(BREATH),
            false => GLANCE,
        };
        self.events.wait(timeout)
    }

    /// Goes on with the loop, which may have been told something. Code of the product's runs while the watch stands where
    /// another thread can take it.
    fn carry_on(mut self: Box<Self>) -> Option<Box<Self>> {
        while let Some(first) = self.relay.carry_on() {
            let place = Arc::clone(&self.place);
            place.leave(self);
            let turn = first.take();
            self = place.back().or_else(|| {
                turn.pass_on();
                None
            })?;
        }
        Some(self)
    }

    /// Says what the files are, and has nothing follow from it.
    fn glance(&mut self) {
        let view = self.view(Look::at(&self.file));
        if self.glanced.as_ref() == Some(&view) {
            return;
        }
        if let Some((look, content)) = read::read(&self.file) {
            let Examined { others, fingerprint, .. } = self.judge.examine(&content, None, self.shared.live());
            self.shared.looked(look.modified_seconds());
            self.shared.read(fingerprint.shown());
            self.glanced = Some(self.belong(look, others));
        }
    }

    fn look(&mut self, mut seen: Seen) -> Result<(), Gone> {
        let noticed = Instant::now();
        let rules = self.rules();
        self.count(&seen);
        let poll_due = self.settle.poll_due(noticed);
        self.shared.watch(|counters| {
            counters.polls_seen += u64::from(poll_due);
            counters.looked_at = Some(noticed);
        });
        if (poll_due || self.events.astray()) && self.poll() {
            // What happened before the new watch stood, nobody told.
            seen.signs.push(Sign::Lost);
        }
        let mut signs = std::mem::take(&mut self.late);
        if !signs.is_empty() {
            // As below: they tell of what came after the last content.
            self.standing.heard();
        }
        signs.append(&mut seen.signs);
        loop {
            let view = self.view_after(&signs);
            self.shared.looked(view.main.modified_seconds());
            let due = self.settle.step(Instant::now(), &signs, &view, rules);
            if !due && self.settle.rests(&view) {
                self.standing.rests();
            }
            let read = if due { (0..READS_MAX).find_map(|_| read::read(&self.file)) } else { None };
            if due && read.is_none() {
                self.settle.unread();
            }
            if let Some((look, content)) = read {
                // Not a wait: a command that came meanwhile must find its wake-up untouched.
                let late = self.events.drain();
                self.count(&late);
                // A writer has begun anew: what was read may be half of the next content.
                let torn = late.signs.iter().any(|sign| matches!(sign, Sign::Written | Sign::Created));
                signs = late.signs;
                if !torn
                    && !self.is_what_it_was(&view, &look, &content, rules)
                    && self.judge(noticed, look, content, rules)?
                {
                    // The loop comes first; then it is looked again.
                    self.late = std::mem::take(&mut signs);
                }
                if !signs.is_empty() && !self.events.astray() {
                    // They were heard while this content was read, and tell of what comes after it.
                    self.standing.heard();
                    continue;
                }
                self.late.append(&mut signs);
            }
            self.shared.being_written(self.settle.being_written());
            self.tell();
            return Ok(());
        }
    }

    /// Counts what a wait brought.
    fn count(&mut self, seen: &Seen) {
        if seen.events > 0 || seen.lost > 0 {
            self.stirred = true;
            self.standing.heard();
            self.shared.watch(|counters| {
                counters.events_seen += seen.events;
                counters.events_lost += seen.lost;
            });
        }
    }

    /// What is looked at beside the file, at a poll and when the way to it may be another one: the mounts, the folders on the way,
    /// its file system. Where events tell of everything and none came, the last two only at every second poll. Whether a watch
    /// was added.
    fn poll(&mut self) -> bool {
        let astray = self.events.astray();
        let at_rest = self.standing.tells_all() && !self.stirred && !astray;
        self.spared = at_rest && !self.spared;
        if self.spared {
            self.find();
            return false;
        }
        let anew = self.follow(astray);
        // What is gone may be made again, and nobody tells: the next poll walks the way again.
        self.stirred |= astray;
        self.standing.polled(FileSystem::of(&self.file), self.events.shortage(), anew);
        let mode = self.events.mode();
        self.shared.watch(|counters| counters.mode = mode);
        self.find();
        anew
    }

    /// Tells why there are no events, once, and when they are there again.
    fn tell(&mut self) {
        let filesystem = self.standing.filesystem().map(str::to_owned);
        let reason = self.standing.reason().map(|reason| reason.words);
        self.shared.watch(|counters| (counters.filesystem, counters.without_events) = (filesystem, reason));
        match self.standing.news() {
            None => {}
            Some(Some(Reason { words, amiss: true })) => tracing::warn!("the settings watch: {words}"),
            Some(Some(Reason { words, amiss: false })) => tracing::info!("the settings watch: {words}"),
            Some(None) => tracing::info!("the settings watch has events again"),
        }
    }

    /// Tells what keeps saves from arriving, as soon as it is found, and when it is over.
    fn find(&mut self) {
        let others = self.others.iter().map(PathBuf::as_path);
        let files: Vec<&Path> = iter::once(self.file.as_path()).chain(others).collect();
        let finding = self.mounts.look(&files);
        let mut before = finding.clone();
        self.shared.watch(|counters| std::mem::swap(&mut counters.finding, &mut before));
        match &finding {
            same if *same == before => {}
            Some(finding) => tracing::error!("the settings watch: {finding}"),
            None => tracing::info!("the settings watch sees saves again"),
        }
    }

    /// Whether all files are what they were when they were found good, byte for byte, and nobody has saved them again. They are
    /// read every few seconds because time stamps can lie, and what they say is not checked each time. What was refused is: it
    /// may have been for something that stands in no file, a folder that is in the way.
    fn is_what_it_was(&mut self, view: &View, main: &Look, content: &Content, rules: Rules) -> bool {
        if !self.found_good || view.main != *main || !self.settle.rests(view) {
            return false;
        }
        let others: Vec<Other> = self.others.iter().map(|other| Other::read(other)).collect();
        let number = self.judge.fingerprint(content, &others).number();
        let others = others.into_iter().map(|other| other.look).collect();
        let view = View { main: view.main.clone(), others };
        let same = self.settle.knows(number) && self.settle.rests(&view);
        if same {
            self.stirred = true;
            self.settle.judge(Instant::now(), &view, number, true, rules);
            self.standing.rests();
        }
        same
    }

    /// Checks a content that was read. Whether the loop was told of it.
    fn judge(&mut self, noticed: Instant, look: Look, content: Content, rules: Rules) -> Result<bool, Gone> {
        let read = Instant::now();
        self.stirred = true;
        let Examined { judged, others, fingerprint } = self.judge.examine(&content, None, self.shared.live());
        let good = judged.is_ok();
        self.found_good = good;
        let view = self.belong(look, others);
        match self.settle.judge(Instant::now(), &view, fingerprint.number(), good, rules) {
            Judgement::Wait => Ok(false),
            Judgement::Ignore => {
                self.standing.rests();
                Ok(false)
            }
            Judgement::Take => {
                self.found();
                let arrival = self.arrival(Cause::Save, fingerprint, content, judged, noticed, read);
                self.send(arrival).map(|()| true)
            }
        }
    }

    /// Counts who has found the save that is taken now.
    fn found(&mut self) {
        let were_broken = self.standing.events_are_broken();
        let finder = self.standing.taken();
        self.shared.watch(|counters| match finder {
            Finder::Event => counters.seen_by_event += 1,
            Finder::Poll => counters.seen_by_poll += 1,
        });
        if self.standing.events_are_broken() && !were_broken {
            // Perhaps they stand no more, and nobody told.
            self.events.renew();
        }
    }

    /// Follows the folders of every file. Whether a watch was added. `astray`: the way may just be changing. The way to the other
    /// files is walked only after something has happened: a poll of a file at rest costs what one file costs.
    fn follow(&mut self, astray: bool) -> bool {
        if std::mem::take(&mut self.stirred) {
            self.beside = self.others.iter().flat_map(|other| steps(other)).collect();
        }
        let mut all = steps(&self.file);
        all.extend_from_slice(&self.beside);
        self.events.follow(&all, astray)
    }

    /// A look at all files; after a save that is whole, at the settings file alone: all of them are read now.
    fn view_after(&self, signs: &[Sign]) -> View {
        let main = Look::at(&self.file);
        let whole = signs.last() == Some(&Sign::Finished)
            && signs.iter().all(|sign| matches!(sign, Sign::Written | Sign::Finished));
        match self.settle.seen() {
            Some(seen) if whole => View { main, others: seen.others.clone() },
            _ => self.view(main),
        }
    }

    /// A look at all files.
    pub(super) fn view(&self, main: Look) -> View {
        View { main, others: self.others.iter().map(|other| Look::at(other)).collect() }
    }

    /// Takes note of the files that a check has read, and watches those that are new.
    pub(super) fn belong(&mut self, main: Look, others: Vec<Other>) -> View {
        self.shared.others(&others);
        let paths = || others.iter().map(|other| &other.path);
        if !paths().eq(self.others.iter()) {
            self.others = paths().cloned().collect();
            self.stirred = true;
            if self.enabled && self.follow(false) {
                // What happened before the new watch stood, nobody told: the next look sees it.
                self.settle.poll_soon();
            }
        }
        View { main, others: others.into_iter().map(|other| other.look).collect() }
    }

    pub(super) fn arrival(
        &self,
        cause: Cause,
        fingerprint: Fingerprint,
        content: Content,
        judged: Judged<S>,
        noticed: Instant,
        read: Instant,
    ) -> Arrival<S> {
        Arrival {
            cause,
            actor: None,
            fingerprint,
            content,
            judged,
            noticed,
            read,
            proposed: None,
            reply: None,
        }
    }

    pub(super) fn send(&self, arrival: Arrival<S>) -> Result<(), Gone> {
        self.shared.read(arrival.fingerprint.shown());
        self.relay.tell(Message::Arrival(Box::new(arrival)))
    }

    fn rules(&self) -> Rules {
        let tuning = self.shared.tuning();
        let rest = self.standing.rest(tuning.poll);
        Rules { settle: tuning.settle, poll: tuning.poll, rest, open_max: tuning.open_max }
    }
}
