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
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::{Seen, Sign, Step};

/// One folder that is watched, and the names in it that matter.
struct Watched {
    descriptor: i32,
    folder: PathBuf,
    /// Device and inode when the watch was set: a folder of the same name that is another one needs a new watch.
    identity: (u64, u64),
    names: Vec<OsString>,
}

/// The event side of the watch.
pub(crate) struct Events {
    inotify: Option<OwnedFd>,
    wake: Arc<OwnedFd>,
    watched: Vec<Watched>,
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
    /// Events and the means to interrupt a wait for them. Without inotify (limits exhausted) there are only polls.
    pub(crate) fn new() -> io::Result<(Self, Waker)> {
        let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        let inotify = match inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC) {
            Ok(descriptor) => Some(descriptor),
            Err(error) => {
                tracing::warn!(%error, "no inotify instance can be had: the settings file is polled only");
                None
            }
        };
        let waker = Waker { wake: Arc::clone(&wake) };
        Ok((Self { inotify, wake, watched: Vec::new() }, waker))
    }

    /// What is in use: `inotify+poll` as long as at least one folder is watched.
    pub(crate) fn mode(&self) -> &'static str {
        if self.inotify.is_some() && !self.watched.is_empty() { "inotify+poll" } else { "poll" }
    }

    /// Watches exactly the folders of these steps. Whether a watch was added: then the file must be looked at again.
    pub(crate) fn follow(&mut self, steps: &[Step]) -> bool {
        let Some(inotify) = &self.inotify else {
            return false;
        };
        let mut added = false;
        let mut kept: Vec<Watched> = Vec::with_capacity(self.watched.len());
        for step in steps {
            let Some(identity) = folder_identity(&step.folder) else {
                continue;
            };
            if let Some(watched) = kept.iter_mut().find(|watched| watched.identity == identity) {
                if !watched.names.contains(&step.name) {
                    watched.names.push(step.name.clone());
                }
                continue;
            }
            let known =
                self.watched.iter().position(|old| old.identity == identity && old.folder == step.folder);
            if let Some(position) = known {
                let mut watched = self.watched.swap_remove(position);
                watched.names = vec![step.name.clone()];
                kept.push(watched);
                continue;
            }
            match inotify::add_watch(inotify, &step.folder, interest()) {
                Ok(descriptor) => {
                    added = true;
                    let names = vec![step.name.clone()];
                    kept.push(Watched { descriptor, folder: step.folder.clone(), identity, names });
                }
                Err(error) => {
                    tracing::debug!(folder = %step.folder.display(), %error, "folder cannot be watched")
                }
            }
        }
        for gone in self.watched.drain(..) {
            // The kernel has removed it already where the folder itself is gone, and may have given the number
            // of a watch that was just added for the same inode.
            if kept.iter().all(|watched| watched.descriptor != gone.descriptor)
                && let Err(error) = inotify::remove_watch(inotify, gone.descriptor)
            {
                tracing::trace!(%error, "watch was gone already");
            }
        }
        self.watched = kept;
        added
    }

    /// Waits for events, a wake-up or the end of `timeout`, whichever comes first.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Seen {
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
        }
        drop(descriptors);
        let mut counter = [0u8; 8];
        if let Err(error) = rustix::io::read(&*self.wake, &mut counter)
            && error != Errno::AGAIN
        {
            // Whoever wakes writes on; at worst the next wait ends at once.
            tracing::error!(%error, "the wake-ups of the settings watch cannot be read");
        }
        self.drain()
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
                // Whatever was lost may have been about our file.
                seen.signs.push(Sign::Lost);
                continue;
            }
            if flags.contains(ReadFlags::IGNORED) {
                lost.push(event.wd());
                continue;
            }
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            let ours = self.watched.iter().any(|watched| {
                watched.descriptor == event.wd()
                    && name.is_none_or(|name| watched.names.iter().any(|known| known == name))
            });
            if ours {
                seen.events += 1;
                seen.signs.push(sign(flags));
            }
        }
        self.watched.retain(|watched| !lost.contains(&watched.descriptor));
        seen
    }
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
