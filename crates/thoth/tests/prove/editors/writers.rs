//! What programs do that cannot be had here, call by call.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Task;

/// A pause of a slow writer: longer than the quiet after which a bad content is refused.
const SLOW: Duration = Duration::from_millis(400);

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap().to_owned();
    name.push(ending);
    file.with_file_name(name)
}

/// Opens with truncation, writes in pieces, syncs, closes.
pub fn vs_code(task: &Task<'_>) {
    let mut file = File::create(task.file).unwrap();
    for piece in task.text.as_bytes().chunks(1024) {
        file.write_all(piece).unwrap();
    }
    file.sync_data().unwrap();
}

/// npm's `write-file-atomic`: a name with a number beside it, synced, with the mode of what was there, renamed.
pub fn write_file_atomic(task: &Task<'_>) {
    let aside = beside(&fs::canonicalize(task.file).unwrap(), ".2837465019");
    let mut file = File::create(&aside).unwrap();
    file.write_all(task.text.as_bytes()).unwrap();
    file.set_permissions(fs::metadata(task.file).unwrap().permissions()).unwrap();
    file.sync_all().unwrap();
    drop(file);
    fs::rename(aside, fs::canonicalize(task.file).unwrap()).unwrap();
}

/// Every byte a write of its own, with a pause in the middle.
pub fn byte_by_byte(task: &Task<'_>) {
    let mut file = File::create(task.file).unwrap();
    for (at, byte) in task.text.bytes().enumerate() {
        if at == task.text.len() / 2 {
            std::thread::sleep(SLOW);
        }
        file.write_all(&[byte]).unwrap();
    }
}

/// Over what is there, without truncation: between the pieces the file is the new beginning and the old end.
pub fn two_pieces(task: &Task<'_>) {
    let mut file = File::options().write(true).open(task.file).unwrap();
    let (first, second) = task.text.split_at(task.text.len() / 2);
    file.rewind().unwrap();
    file.write_all(first.as_bytes()).unwrap();
    std::thread::sleep(SLOW);
    file.write_all(second.as_bytes()).unwrap();
}

pub fn rename_with_a_backup(task: &Task<'_>) {
    fs::rename(task.file, beside(task.file, "~")).unwrap();
    fs::write(task.file, &task.text).unwrap();
}

pub fn delete_and_create(task: &Task<'_>) {
    fs::remove_file(task.file).unwrap();
    fs::write(task.file, &task.text).unwrap();
}
