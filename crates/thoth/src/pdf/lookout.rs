//! Compares the folder with the ledger, and puts into the queue what is new, changed and whole.
//!
//! All state here can be lost: it is built again from the ledger and the folder.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use super::folder::{self, Scope, Stamp};
use super::intake;
use super::ledger::Gone;
use super::monitor::Shared;
use super::settle::{self, Ripe, Settling};
use super::status::Status;
use super::watch::{Hint, Watch};

/// For how long a file must be absent before it counts as gone: programs replace files by deleting them first.
const ABSENT: Duration = Duration::from_secs(2);

/// The lookout of a monitor.
pub(super) struct Lookout {
    shared: Arc<Shared>,
    hints: mpsc::Sender<Hint>,
    standing: Option<Standing>,
    /// Files that may still be being written; of the folder before this one, too.
    settling: HashMap<PathBuf, Settling>,
    absent: HashMap<PathBuf, Instant>,
}

/// A folder that is followed.
struct Standing {
    scope: Scope,
    watch: Watch,
    known: HashMap<PathBuf, Stamp>,
}

impl Lookout {
    /// Follows nothing yet.
    pub fn new(shared: Arc<Shared>, hints: mpsc::Sender<Hint>) -> Self {
        Self {
            shared,
            hints,
            standing: None,
            settling: HashMap::new(),
            absent: HashMap::new(),
        }
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
        let watch = Watch::stand(scope, self.hints.clone());
        folder::list(scope).map_err(|error| format!("the PDF folder `{shown}` cannot be read: {error}"))?;
        let known = self
            .shared
            .ledger
            .known(&scope.folder)
            .map_err(|error| format!("the ledger: {error}"))?;
        let next = Standing {
            scope: scope.clone(),
            watch,
            known,
        };
        self.absent.clear();
        if let Some(before) = self.standing.replace(next) {
            self.look_back(&before, now);
        }
        Ok(format!("watches `{shown}`"))
    }

    /// One look. Says after how long the next one is due at the latest. `problem` is what went wrong before it.
    pub fn look(&mut self, now: Instant, finished: &HashSet<PathBuf>, problem: Option<String>) -> Duration {
        let started = Instant::now();
        let listed = self.take_stock(now, finished).err();
        let (due, offered) = self.harvest(now, finished);
        let problem = problem.or(listed).or(offered);
        let watched = self.standing.as_ref().map(|standing| standing.watch.mode());
        self.shared
            .saw(self.scope().map(|scope| scope.folder.clone()), watched, problem);
        // However large the folder, looking at it takes one part in a hundred of the time.
        let rescan = self.shared.limits.rescan.max(started.elapsed() * 100);
        due.map_or(rescan, |due| {
            due.saturating_duration_since(now)
                .min(rescan)
                .max(Duration::from_millis(20))
        })
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
            format!(
                "the PDF folder `{}` cannot be read: {error}",
                standing.scope.folder.display()
            )
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
            let absent: Vec<_> = known
                .keys()
                .filter(|path| !listing.files.contains_key(*path))
                .cloned()
                .collect();
            for path in absent {
                let since = *self.absent.entry(path.clone()).or_insert(now);
                if now.duration_since(since) >= ABSENT {
                    self.miss(&path)?;
                }
            }
        }
        let problem = self
            .standing
            .as_ref()
            .and_then(|standing| standing.watch.problem.clone());
        match listing.problem.or(problem) {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }

    /// A file has been absent for long enough.
    fn miss(&mut self, path: &Path) -> Result<(), String> {
        match self
            .shared
            .ledger
            .gone(path)
            .map_err(|error| format!("the ledger: {error}"))?
        {
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

    /// The last look at a folder that is left: what was dropped into it until now is taken too.
    fn look_back(&mut self, before: &Standing, now: Instant) {
        match folder::list(&before.scope) {
            Ok(listing) => {
                let new = listing
                    .files
                    .iter()
                    .filter(|(path, stamp)| before.known.get(*path) != Some(stamp));
                for (path, stamp) in new {
                    see(&mut self.settling, path, *stamp, now, false);
                }
            }
            Err(error) => {
                tracing::info!(folder = %before.scope.folder.display(), %error, "the PDF folder before is gone")
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
                if let Some(standing) = &mut self.standing {
                    if path.starts_with(&standing.scope.folder) {
                        standing.known.insert(path.to_owned(), stamp);
                    }
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
                && intake::content_of(path, &self.shared.limits).ok() == row.content
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
