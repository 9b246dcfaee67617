//! Reading the file once, whole and in one state of it, or saying why not.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// Bytes of a settings file, at most.
pub(crate) const CONTENT_MAX: u64 = crate::check::SIZE_MAX as u64;

/// What one look at the file found, without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// There is no file of that name.
    Missing,
    /// There is something; a change of any of these numbers means another state.
    There(Stamp),
    /// It cannot be looked at.
    Unreachable(String),
}

/// The numbers that change when a file does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Modification and change, nanoseconds since 1970.
    modified: i128,
    changed: i128,
    regular: bool,
}

impl Look {
    /// Looks at the file, following symbolic links.
    pub(crate) fn at(path: &Path) -> Self {
        match std::fs::metadata(path) {
            Ok(metadata) => Self::There(Stamp::of(&metadata)),
            Err(error) => Self::failed(&error),
        }
    }

    fn failed(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Unreachable(error.to_string()),
        }
    }

    /// Size in bytes, where there is a file.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::There(stamp) => Some(stamp.size),
            _ => None,
        }
    }

    /// Modification time in seconds since 1970.
    pub(crate) fn modified_seconds(&self) -> Option<f64> {
        match self {
            #[allow(clippy::cast_precision_loss, reason = "microseconds are enough for people")]
            Self::There(stamp) => Some(stamp.modified as f64 / 1e9),
            _ => None,
        }
    }

    /// Whether somebody has saved between the two looks: a change of owner or mode is no save.
    pub(crate) fn saved_again(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::There(one), Self::There(other)) => {
                (one.device, one.inode, one.modified) != (other.device, other.inode, other.modified)
            }
            (one, other) => one != other,
        }
    }
}

impl Stamp {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
            changed: i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec()),
            regular: metadata.is_file(),
        }
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX));
        Self {
            device: 0,
            inode: 0,
            size: metadata.len(),
            modified,
            changed: modified,
            regular: metadata.is_file(),
        }
    }
}

/// What reading a file gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The bytes, read in one state of the file.
    Bytes(Vec<u8>),
    /// There is no file.
    Missing,
    /// It could not be read, in words.
    Unreadable(String),
}

/// Tries to read a file in one state of it.
const READS_MAX: usize = 3;

impl Content {
    /// What a file is, read now. Waits for nobody who writes it, and for no pipe; a dead network mount hangs it.
    pub fn of(path: &Path) -> Self {
        now(path).1
    }

    /// The bytes, where there are any.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// What a file is, and the state in which it was read. One that is written all the time is unreadable.
pub(crate) fn now(path: &Path) -> (Look, Content) {
    let unsettled = || (Look::at(path), Content::Unreadable("the file is being written".to_owned()));
    (0..READS_MAX).find_map(|_| read(path)).unwrap_or_else(unsettled)
}

/// Reads the file; gives the state in which it was read. `None` where it changed meanwhile: read again later.
pub(crate) fn read(path: &Path) -> Option<(Look, Content)> {
    let mut file = match open(path) {
        Ok(file) => file,
        Err(error) => {
            if Look::failed(&error) == Look::Missing {
                return Some((Look::Missing, Content::Missing));
            }
            let content = Content::Unreadable(format!("the file cannot be opened: {error}"));
            // A file that may be seen but not opened has a look of its own: else the poll would see a change.
            return Some((Look::at(path), content));
        }
    };
    let before = stamp(&file)?;
    if !before.regular {
        return Some((Look::There(before), Content::Unreadable("it is not a regular file".to_owned())));
    }
    if before.size > CONTENT_MAX {
        let message = format!("the file has {} bytes; at most {CONTENT_MAX} are read", before.size);
        return Some((Look::There(before), Content::Unreadable(message)));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(before.size).unwrap_or_default());
    let read = file.by_ref().take(CONTENT_MAX + 1).read_to_end(&mut bytes);
    // Only the same file, unchanged, has the same numbers.
    let after = Look::at(path);
    if after != Look::There(before) {
        return None;
    }
    let content = match read {
        Ok(_) => Content::Bytes(bytes),
        Err(error) => Content::Unreadable(format!("the file cannot be read: {error}")),
    };
    Some((after, content))
}

fn stamp(file: &File) -> Option<Stamp> {
    file.metadata().ok().map(|metadata| Stamp::of(&metadata))
}

/// Opens without waiting: a pipe of that name must not hold the watch.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    options.open(path)
}

/// Reads at the start, when no watch tells whether somebody is writing: a content that `good` refuses is read again
/// until it has been the same for `settle`, for at most `open_max`.
pub(crate) fn read_at_rest(
    path: &Path,
    settle: Duration,
    open_max: Duration,
    good: impl Fn(&Content) -> bool,
) -> (Look, Content) {
    let deadline = std::time::Instant::now() + open_max;
    let mut last = None;
    loop {
        let now = read(path);
        if let Some((look, content)) = &now
            && (good(content) || now == last || *look == Look::Missing)
        {
            return (look.clone(), content.clone());
        }
        if std::time::Instant::now() > deadline {
            let unreadable = Content::Unreadable("the file does not come to rest".to_owned());
            return now.unwrap_or_else(|| (Look::at(path), unreadable));
        }
        last = now;
        std::thread::sleep(settle);
    }
}
