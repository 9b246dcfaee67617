//! Compares the folder with the ledger, and puts into the queue what is new, changed and whole.
//!
//! All state here can be lost: it is built again from the ledger and the folder.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::folder::{self, Scope, Stamp};
use super::intake;
use super::outcome::Gone;
use super::settle::{self, Ripe, Settling};
use super::shared::{Shared, blocking};
use super::status::Status;
use super::watch::{HINTS_MAX, Hint, Watch};
use crate::aside;

/// A wish to follow a folder, and where to say what became of it.
pub(super) struct Follow {
    pub scope: Scope,
    pub reply: oneshot::Sender<Result<String, String>>,
}

/// Looks at the folder until the end: at every hint, and without one when the next look is due.
pub(super) async fn keep_looking(
    shared: Arc<Shared>,
    mut wishes: mpsc::Receiver<Follow>,
    stop: CancellationToken,
) {
    let (hints_to, mut hints) = mpsc::channel(HINTS_MAX);
    let mut lookout = Lookout::new(Arc::clone(&shared), hints_to.clone());
    let mut wanted: Option<Scope> = None;
    let (mut wait, mut cost) = (shared.limits.rescan, Duration::ZERO);
    loop {
        let mut finished = HashSet::new();
        let wish = tokio::select! {
            () = stop.cancelled() => return,
            wish = wishes.recv() => match wish {
                Some(wish) => Some(wish),
                None => return,
            },
            hint = hints.recv() => {
                finished.extend(hint.into_iter().flat_map(|hint: Hint| hint.finished));
                // One look for all files that arrive together; and in a large folder a look is dear.
                tokio::time::sleep(TOGETHER.max(cost * 3).min(shared.limits.rescan)).await;
                None
            }
            () = tokio::time::sleep(wait) => None,
        };
        while let Ok(hint) = hints.try_recv() {
            finished.extend(hint.finished);
        }
        let (wish, reply) = wish.map_or((None, None), |wish| (Some(wish.scope), Some(wish.reply)));
        wanted = wish.or(wanted);
        let scope = wanted.clone();
        let started = Instant::now();
        let turn = blocking(&shared, move |_| {
            let done = turn(&mut lookout, scope.as_ref(), &finished);
            (lookout, done)
        });
        let answer = match turn.await {
            Ok((back, (answer, next))) => {
                (lookout, wait) = (back, next);
                answer
            }
            Err(problem) => {
                // Its state is gone; the next turn builds it again from the ledger.
                lookout = Lookout::new(Arc::clone(&shared), hints_to.clone());
                shared.saw(None, None, Some(problem.clone()));
                Err(problem)
            }
        };
        cost = started.elapsed();
        if let Some(Err(_)) = reply.map(|reply| reply.send(answer)) {
            tracing::debug!("nobody waits for the folder to be followed any more");
        }
    }
}

/// How long hints are gathered before a look.
const TOGETHER: Duration = Duration::from_millis(15);

/// One turn: follow what is wanted if that is not what is followed, else look.
fn turn(
    lookout: &mut Lookout,
    wanted: Option<&Scope>,
    finished: &HashSet<PathBuf>,
) -> (Result<String, String>, Duration) {
    let now = Instant::now();
    let followed = match wanted {
        Some(scope) if lookout.scope() != Some(scope) => lookout.follow(scope, now),
        Some(scope) => Ok(folder::watches(&scope.folder)),
        None => Ok("watches nothing".to_owned()),
    };
    let next = lookout.look(now, finished, followed.as_ref().err().cloned());
    lookout.say_left();
    (followed, next)
}

/// The lookout of a monitor.
pub(super) struct Lookout {
    shared: Arc<Shared>,
    hints: mpsc::Sender<Hint>,
    standing: Option<Standing>,
    /// Files that may still be being written; of the folder before this one, too.
    settling: HashMap<PathBuf, Settling>,
    absent: HashMap<PathBuf, Instant>,
    left: Option<Left>,
}

/// A folder that is followed.
struct Standing {
    scope: Scope,
    watch: Watch,
    known: HashMap<PathBuf, Stamp>,
}

/// A folder that is left. What arrived in it before that was said is still taken.
struct Left {
    scope: Scope,
    known: HashMap<PathBuf, Stamp>,
    said: Option<SystemTime>,
}

impl Lookout {
    /// Follows nothing yet.
    pub fn new(shared: Arc<Shared>, hints: mpsc::Sender<Hint>) -> Self {
        Self { shared, hints, standing: None, settling: HashMap::new(), absent: HashMap::new(), left: None }
    }

    /// What is followed.
    pub fn scope(&self) -> Option<&Scope> {
        self.standing.as_ref().map(|standing| &standing.scope)
    }

    /// Follows another folder: makes it where it is missing, watches it, looks into the one before for the last
    /// time, and only then leaves that. The look at the new one is the caller's next.
    ///
    /// # Errors
    /// Why the folder cannot be followed; the one before is then still followed.
    pub fn follow(&mut self, scope: &Scope, now: Instant) -> Result<String, String> {
        let shown = scope.folder.display();
        fs::create_dir_all(&scope.folder)
            .map_err(|error| format!("the PDF folder `{shown}` cannot be made: {error}"))?;
        for folder in [&scope.folder, &(self.shared.load)().inputs.notes] {
            if let Err(error) = aside::sweep(folder) {
                tracing::debug!(folder = %folder.display(), %error, "not swept");
            }
        }
        let watch = Watch::stand(scope, self.hints.clone());
        folder::list(scope).map_err(|error| format!("the PDF folder `{shown}` cannot be read: {error}"))?;
        let known =
            self.shared.ledger.known(&scope.folder).map_err(|error| format!("the ledger: {error}"))?;
        let next = Standing { scope: scope.clone(), watch, known };
        self.absent.clear();
        if let Some(Standing { scope, known, .. }) = self.standing.replace(next) {
            let left = Left { scope, known, said: None };
            self.look_back(&left, now);
            self.left = Some(left);
        }
        Ok(folder::watches(&scope.folder))
    }

    /// One look. Says after how long the next one is due at the latest. `problem` is what went wrong before it.
    pub fn look(&mut self, now: Instant, finished: &HashSet<PathBuf>, problem: Option<String>) -> Duration {
        let started = Instant::now();
        if let Some(left) = self.left.take_if(|left| left.said.is_some()) {
            self.look_back(&left, now);
        }
        let listed = self.take_stock(now, finished).err();
        let (due, offered) = self.harvest(now, finished);
        let retried = self.retry().err();
        let problem = problem.or(listed).or(offered).or(retried);
        let watched = self.standing.as_ref().map(|standing| standing.watch.mode());
        self.shared.saw(self.scope().map(|scope| scope.folder.clone()), watched, problem);
        // However large the folder, looking at it takes one part in a hundred of the time.
        let rescan = self.shared.limits.rescan.max(started.elapsed() * 100);
        due.map_or(rescan, |due| {
            due.saturating_duration_since(now).min(rescan).max(Duration::from_millis(20))
        })
    }

    /// Queues what failed by no fault of its file and is due again.
    fn retry(&self) -> Result<(), String> {
        let queued = self.shared.ledger.retry().map_err(|error| format!("the ledger: {error}"))?;
        queued.iter().for_each(|row| self.shared.queued(Some(row)));
        Ok(())
    }

    /// Lists the folder: files that are new or changed begin to settle, absent ones are told to the ledger.
    fn take_stock(&mut self, now: Instant, finished: &HashSet<PathBuf>) -> Result<(), String> {
        let Some(standing) = &mut self.standing else {
            return Ok(());
        };
        if !standing.watch.is_of(&standing.scope.folder) {
            standing.watch = Watch::stand(&standing.scope, self.hints.clone());
        }
        let listing = folder::list(&standing.scope).map_err(|error| {
            format!("the PDF folder `{}` cannot be read: {error}", standing.scope.folder.display())
        })?;
        let known = &standing.known;
        for (path, stamp) in &listing.files {
            if known.get(path) == Some(stamp) {
                self.settling.remove(path);
            } else {
                see(&mut self.settling, path, *stamp, now, finished.contains(path));
            }
        }
        self.absent.retain(|path, _| !listing.files.contains_key(path));
        if listing.is_complete {
            let absent: Vec<_> =
                known.keys().filter(|path| !listing.files.contains_key(*path)).cloned().collect();
            for path in absent {
                let since = *self.absent.entry(path.clone()).or_insert(now);
                if now.duration_since(since) >= self.shared.limits.absent {
                    self.miss(&path)?;
                }
            }
        }
        let problem = self.standing.as_ref().and_then(|standing| standing.watch.problem.clone());
        match listing.problem.or(problem) {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }

    /// A file has been absent for long enough.
    fn miss(&mut self, path: &Path) -> Result<(), String> {
        match self.shared.ledger.gone(path).map_err(|error| format!("the ledger: {error}"))? {
            Gone::NotYet => {}
            Gone::Noted(heir) => {
                if let Some(standing) = &mut self.standing {
                    standing.known.remove(path);
                }
                self.absent.remove(path);
                self.shared.queued(heir.as_deref());
            }
        }
        Ok(())
    }

    /// From now on the folder before counts as left. What was dropped into it until now is taken by the next look.
    pub fn say_left(&mut self) {
        if let Some(left) = &mut self.left {
            left.said.get_or_insert_with(SystemTime::now);
        }
    }

    /// A look at a folder that is left.
    fn look_back(&mut self, left: &Left, now: Instant) {
        let listing = match folder::list(&left.scope) {
            Ok(listing) => listing,
            Err(error) => {
                tracing::info!(folder = %left.scope.folder.display(), %error, "PDFMonitor: the folder before is gone");
                return;
            }
        };
        for (path, stamp) in &listing.files {
            let is_in_time = left.said.is_none_or(|said| stamp.arrived_before(said));
            if is_in_time && left.known.get(path) != Some(stamp) {
                see(&mut self.settling, path, *stamp, now, false);
            }
        }
        self.harvest(now, &HashSet::new());
    }

    /// Offers what is whole to the ledger. Gives the time of the next look that some file needs.
    fn harvest(&mut self, now: Instant, finished: &HashSet<PathBuf>) -> (Option<Instant>, Option<String>) {
        let (mut due, mut problem) = (None, None);
        let paths: Vec<_> = self.settling.keys().cloned().collect();
        for path in paths {
            match self.weigh(&path, now, finished) {
                Ok(Some(at)) => due = Some(due.map_or(at, |due: Instant| due.min(at))),
                Ok(None) => {
                    self.settling.remove(&path);
                }
                Err(why) => problem = Some(why),
            }
        }
        (due, problem)
    }

    /// `None` if the file needs no more looks; else when to look again.
    fn weigh(
        &mut self,
        path: &Path,
        now: Instant,
        finished: &HashSet<PathBuf>,
    ) -> Result<Option<Instant>, String> {
        // The stamp of this moment, not of the listing: a file of a folder that was left is in no listing.
        let Ok(metadata) = fs::metadata(path) else {
            return Ok(None);
        };
        let stamp = Stamp::of(&metadata);
        let patience = &self.shared.limits.patience;
        let Some(settling) = self.settling.get_mut(path) else {
            return Ok(None);
        };
        settling.look(stamp, now, finished.contains(path));
        // A file that cannot be opened is whole as far as it ever will be; the intake says why.
        let shape = settle::shape(path).unwrap_or(settle::Shape::Whole);
        match settling.ripe(shape, now, patience) {
            Ripe::NotBefore(at) => Ok(Some(at)),
            Ripe::Yes => {
                let stamp = settling.stamp();
                self.offer(path, stamp)?;
                let followed =
                    self.standing.as_mut().filter(|standing| path.starts_with(&standing.scope.folder));
                if let Some(standing) = followed {
                    standing.known.insert(path.to_owned(), stamp);
                }
                Ok(None)
            }
        }
    }

    /// Queues a file, unless its content is what the ledger knows already.
    fn offer(&self, path: &Path, stamp: Stamp) -> Result<(), String> {
        let ledger = |error| format!("the ledger: {error}");
        if let Some(row) = self.shared.ledger.row(path).map_err(ledger)? {
            if row.status.is_at_rest() && row.stamp == stamp && row.missing_since.is_none() {
                return Ok(());
            }
            let is_read = matches!(row.status, Status::Indexed | Status::Skipped);
            if is_read
                && row.content.is_some()
                && intake::content_of(path, (self.shared.load)().inputs.document_max_bytes).ok()
                    == row.content
            {
                return self.shared.ledger.restamp(path, stamp).map_err(ledger);
            }
        }
        let row = self.shared.ledger.queue(path, stamp).map_err(ledger)?;
        self.shared.queued(row.as_ref());
        Ok(())
    }
}

fn see(settling: &mut HashMap<PathBuf, Settling>, path: &Path, stamp: Stamp, now: Instant, finished: bool) {
    let age = stamp.age(SystemTime::now());
    settling
        .entry(path.to_owned())
        .or_insert_with(|| Settling::new(stamp, now, age))
        .look(stamp, now, finished);
}
