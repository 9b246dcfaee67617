//! Events of the folders on the way to the file, by inotify.
//!
//! A watch on the file itself dies at its first rename, so the folders are watched and the names compared.

use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::{Seen, Sign, Step};

/// One folder that is watched, and the names in it that matter.
struct Watched {
    descriptor: i32,
    folder: PathBuf,
    /// Device and inode when the watch was set: a folder of the same name that is another one needs a new watch. `None`:
    /// it is not known whether the watch still stands.
    identity: Option<(u64, u64)>,
    names: Vec<Name>,
}

/// A name that matters, and whether it is a link.
#[derive(PartialEq, Eq)]
struct Name {
    name: OsString,
    link: bool,
}

impl From<&Step> for Name {
    fn from(step: &Step) -> Self {
        Self { name: step.name.clone(), link: step.link }
    }
}

/// The event side of the watch.
pub(crate) struct Events {
    inotify: Option<OwnedFd>,
    wake: Arc<OwnedFd>,
    watched: Vec<Watched>,
    /// Whether any of that is on the way as of the last [`Events::follow`].
    stands: bool,
    /// Why some folder is not watched, as of the last [`Events::follow`].
    shortage: Option<String>,
    /// Whether something has happened since then to a folder or a link, so that the way may be another one.
    astray: bool,
}

/// Wakes a waiting [`Events::wait`] from another thread.
#[derive(Clone)]
pub(crate) struct Waker {
    wake: Arc<OwnedFd>,
}

impl Waker {
    /// Makes the wait return. Never blocks: a full counter is a wake-up already.
    pub(crate) fn wake(&self) {
        match rustix::io::write(&self.wake, &1u64.to_ne_bytes()) {
            Ok(_) | Err(Errno::AGAIN) => {}
            Err(error) => tracing::error!(%error, "the settings watch could not be woken"),
        }
    }
}

impl Events {
    /// Events and the means to interrupt a wait for them. Nothing is watched before [`Events::follow`].
    pub(crate) fn new() -> io::Result<(Self, Waker)> {
        let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        let waker = Waker { wake: Arc::clone(&wake) };
        let events =
            Self { inotify: None, wake, watched: Vec::new(), stands: false, shortage: None, astray: false };
        Ok((events, waker))
    }

    /// What is in use: `inotify+poll` as long as every folder that is there is watched.
    pub(crate) fn mode(&self) -> &'static str {
        if self.shortage.is_none() && self.stands { "inotify+poll" } else { "poll" }
    }

    /// Why some folder is not watched, in words with the way out.
    pub(crate) fn shortage(&self) -> Option<&str> {
        self.shortage.as_deref()
    }

    /// Has every watch set anew by the next [`Events::follow`]: it is not known whether they still stand.
    pub(crate) fn renew(&mut self) {
        self.watched.iter_mut().for_each(|watched| watched.identity = None);
        self.astray = true;
    }

    /// Whether the way to the files may be another one than that which is watched: a folder, or what was a link, has changed.
    /// What is saved there before it is followed may be found by the poll alone.
    pub(crate) fn astray(&self) -> bool {
        self.astray
    }

    /// Watches the folders of these steps, and no others, unless `keep` says so: a way that is being changed may have a gap,
    /// and what comes back into it must be told. Whether a watch was added: then the file must be looked at again.
    ///
    /// What could not be had is asked for again each time: whoever has exhausted a limit may be gone, nobody tells, and
    /// to ask takes a microsecond.
    pub(crate) fn follow(&mut self, steps: &[Step], keep: bool) -> bool {
        (self.shortage, self.astray) = (None, false);
        if self.inotify.is_none() {
            match inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC) {
                Ok(descriptor) => self.inotify = Some(descriptor),
                Err(error) => {
                    self.shortage = Some(no_instance(error));
                    return false;
                }
            }
        }
        let Some(inotify) = &self.inotify else { return false };
        let mut added = false;
        let mut kept: Vec<Watched> = Vec::with_capacity(self.watched.len());
        for step in steps {
            let Some(identity) = folder_identity(&step.folder) else {
                continue;
            };
            if let Some(watched) = kept.iter_mut().find(|watched| watched.identity == Some(identity)) {
                let name = Name::from(step);
                if !watched.names.contains(&name) {
                    watched.names.push(name);
                }
                continue;
            }
            let known = self
                .watched
                .iter()
                .position(|old| old.identity == Some(identity) && old.folder == step.folder);
            if let Some(position) = known {
                let mut watched = self.watched.swap_remove(position);
                let name = Name::from(step);
                if !keep {
                    watched.names = vec![name];
                } else if !watched.names.contains(&name) {
                    watched.names.push(name);
                }
                kept.push(watched);
                continue;
            }
            match inotify::add_watch(inotify, &step.folder, interest()) {
                Ok(descriptor) => {
                    added = true;
                    let (folder, names) = (step.folder.clone(), vec![step.into()]);
                    kept.push(Watched { descriptor, folder, identity: Some(identity), names });
                }
                // It went away just now: the next look sees that.
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(error) => self.shortage = Some(no_watch(&step.folder, error)),
            }
        }
        self.stands = !kept.is_empty();
        for gone in self.watched.drain(..) {
            // The kernel has removed it already where the folder itself is gone, and may have given the number
            // of a watch that was just added for the same inode.
            if kept.iter().any(|watched| watched.descriptor == gone.descriptor) {
                continue;
            }
            if keep {
                kept.push(gone);
            } else if let Err(error) = inotify::remove_watch(inotify, gone.descriptor) {
                tracing::trace!(%error, "watch was gone already");
            }
        }
        self.watched = kept;
        added
    }

    /// Waits for events of the files, a wake-up or the end of `timeout`, whichever comes first. What happens to other files in
    /// these folders ends no wait.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Seen {
        let begun = Instant::now();
        loop {
            let remaining = timeout.saturating_sub(begun.elapsed());
            let woken = self.sleep(remaining);
            let seen = self.drain();
            if woken || !seen.signs.is_empty() || begun.elapsed() >= timeout {
                return seen;
            }
        }
    }

    /// Waits for anything at all. Whether somebody woke it.
    fn sleep(&self, timeout: Duration) -> bool {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let mut descriptors = vec![PollFd::new(&*self.wake, PollFlags::IN)];
        if let Some(inotify) = &self.inotify {
            descriptors.push(PollFd::new(inotify, PollFlags::IN));
        }
        if let Err(error) = poll(&mut descriptors, Some(&timeout))
            && error != Errno::INTR
        {
            tracing::error!(%error, "waiting for file events failed");
            return true;
        }
        let woken = descriptors.first().is_some_and(|wake| !wake.revents().is_empty());
        let mut counter = [0u8; 8];
        if woken
            && let Err(error) = rustix::io::read(&*self.wake, &mut counter)
            && error != Errno::AGAIN
        {
            // Whoever wakes writes on; at worst the next wait ends at once.
            tracing::error!(%error, "the wake-ups of the settings watch cannot be read");
        }
        woken
    }

    /// What has happened by now. Leaves wake-ups alone.
    pub(crate) fn drain(&mut self) -> Seen {
        let mut seen = Seen::default();
        let Some(inotify) = &self.inotify else { return seen };
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut reader = Reader::new(inotify, &mut buffer);
        let mut lost: Vec<i32> = Vec::new();
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(error) => {
                    tracing::warn!(%error, "file events cannot be read: the settings file is polled");
                    seen.signs.push(Sign::Lost);
                    break;
                }
            };
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                // Whatever was lost may have been about our file, or have said that a watch is gone.
                seen.signs.push(Sign::Lost);
                seen.lost += 1;
                continue;
            }
            if flags.contains(ReadFlags::IGNORED) {
                lost.push(event.wd());
                continue;
            }
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            let names = self.watched.iter().filter(|watched| watched.descriptor == event.wd());
            let mut names = names.flat_map(|watched| &watched.names);
            if let Some(ours) = names.find(|known| name.is_none_or(|name| known.name == name)) {
                seen.events += 1;
                seen.signs.push(sign(flags));
                self.astray |= name.is_none() || ours.link;
            }
        }
        let before = self.watched.len();
        self.watched.retain(|watched| !lost.contains(&watched.descriptor));
        self.astray |= self.watched.len() < before;
        self.stands &= !self.watched.is_empty();
        if seen.lost > 0 {
            self.renew();
        }
        seen
    }
}

/// Why there is no inotify instance.
fn no_instance(error: Errno) -> String {
    let why = match error {
        Errno::MFILE => {
            "`fs.inotify.max_user_instances`, or this process's limit of open files, is used up; raise it, or end \
             programs that watch files"
        }
        error => return format!("no inotify instance can be had: {error}"),
    };
    format!("no inotify instance can be had: {why}")
}

/// Why this folder is not watched.
fn no_watch(folder: &Path, error: Errno) -> String {
    let why = match error {
        Errno::NOSPC => {
            "`fs.inotify.max_user_watches` is used up; raise it, or end programs that watch files".to_owned()
        }
        Errno::ACCESS => "this user may not list it".to_owned(),
        error => error.to_string(),
    };
    format!("`{}` cannot be watched: {why}", folder.display())
}

/// A reader of the file must not wake the watch, so opening and reading are not asked for.
fn interest() -> WatchFlags {
    WatchFlags::CLOSE_WRITE
        | WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MODIFY
        | WatchFlags::MOVE
        | WatchFlags::ATTRIB
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR
        // A file that was replaced goes on having writers; what they do is no news of the new one.
        | WatchFlags::EXCL_UNLINK
}

fn sign(flags: ReadFlags) -> Sign {
    if flags.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) {
        Sign::Finished
    } else if flags.contains(ReadFlags::MODIFY) {
        Sign::Written
    } else if flags.contains(ReadFlags::CREATE) {
        Sign::Created
    } else {
        Sign::Stirred
    }
}

fn folder_identity(folder: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(folder).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
