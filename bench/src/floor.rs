//! The floor: what a loop costs that does nothing but the inevitable. Raw inotify system calls, one read, one parse,
//! one swap of a pointer; no check, no services, no verdict, no history.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use anyhow::Context;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

/// Watches the file in a thread of its own, and tells when each content was live. Ends with the process.
pub fn start(file: &Path, live_at: Sender<Timestamp>) -> anyhow::Result<()> {
    let folder = file.parent().context("the file stands in a folder")?.to_owned();
    let file = file.to_owned();
    let inotify = inotify::init(CreateFlags::CLOEXEC)?;
    inotify::add_watch(&inotify, &folder, WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO)?;
    let live = ArcSwap::from_pointee(serde_json::Value::Null);
    std::thread::Builder::new().name("floor".to_owned()).spawn(move || -> anyhow::Result<()> {
        let name = file.file_name().context("the file has a name")?.to_owned();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(inotify, &mut buffer);
        loop {
            let event = reader.next()?;
            let ours = event.file_name().is_some_and(|seen| OsStr::from_bytes(seen.to_bytes()) == name);
            if ours && event.events().intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) {
                let bytes = std::fs::read(&file)?;
                live.store(Arc::new(serde_json::from_slice(&bytes)?));
                if live_at.send(Timestamp::now()).is_err() {
                    return Ok(());
                }
            }
        }
    })?;
    Ok(())
}
