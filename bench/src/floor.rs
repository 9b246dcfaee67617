//! The floor: what a loop costs that does nothing but the inevitable. Raw inotify system calls, one read, one parse,
//! one swap of a pointer; no check, no services, no verdict, no history.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use serde_json::Value;

use crate::answer;

/// Watches the file in a thread of its own, and calls `live` after each swap. Ends when that says `false`, at a content that
/// is no JSON, or with the process.
pub fn start(
    file: &Path,
    pointer: Arc<ArcSwap<Value>>,
    mut live: impl FnMut() -> bool + Send + 'static,
) -> anyhow::Result<()> {
    let folder = file.parent().context("the file stands in a folder")?.to_owned();
    let file = file.to_owned();
    let inotify = inotify::init(CreateFlags::CLOEXEC)?;
    inotify::add_watch(&inotify, &folder, WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO)?;
    std::thread::Builder::new().name("floor".to_owned()).spawn(move || -> anyhow::Result<()> {
        let name = file.file_name().context("the file has a name")?.to_owned();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(inotify, &mut buffer);
        loop {
            let event = reader.next()?;
            let ours = event.file_name().is_some_and(|seen| OsStr::from_bytes(seen.to_bytes()) == name);
            if ours && event.events().intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) {
                let bytes = std::fs::read(&file)?;
                pointer.store(Arc::new(serde_json::from_slice(&bytes)?));
                if !live() {
                    return Ok(());
                }
            }
        }
    })?;
    Ok(())
}

/// The floor as a program that answers: `--floor FILE ADDRESS`.
pub fn serve(file: &Path, address: &str) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("listening on `{address}`"))?;
    let pointer = Arc::new(ArcSwap::from_pointee(serde_json::from_slice(&std::fs::read(file)?)?));
    start(file, Arc::clone(&pointer), || true)?;
    let values = move || {
        let live = pointer.load();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&live["llm"]["default"]["model"]), text(&live["rag"]["qa"]["model"]))
    };
    Ok(answer::serve(&listener, values)?)
}
