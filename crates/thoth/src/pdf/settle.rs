//! When a PDF is whole: a pure function of what was seen of the file, with the time passed in.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use super::folder::Stamp;

/// How long a file is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A file that looks whole and did not change for so long is taken, even if nobody said that it is finished.
    pub quiet: Duration,
    /// A file that does not look like a PDF, or has no byte yet, is given up after so long without a change.
    pub strange: Duration,
    /// A PDF without an end is given up after so long without a change.
    pub unfinished: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(600),
            strange: Duration::from_secs(5),
            unfinished: Duration::from_secs(30),
        }
    }
}

/// What the bytes of a file look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Begins and ends as a PDF does.
    Whole,
    /// Begins as a PDF does.
    Unfinished,
    /// No byte, or not a PDF's first ones.
    Strange,
}

/// How far into a file its header may stand, and how far before the end its last line (bytes): readers are
/// lenient about both.
const MARGIN_BYTES: u64 = 4096;

/// Looks at both ends of a file.
///
/// # Errors
/// What the file system says.
pub fn shape(path: &Path) -> io::Result<Shape> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut head = Vec::new();
    (&mut file).take(MARGIN_BYTES).read_to_end(&mut head)?;
    if !contains(&head, b"%PDF-") {
        return Ok(Shape::Strange);
    }
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(MARGIN_BYTES)))?;
    file.take(MARGIN_BYTES).read_to_end(&mut tail)?;
    Ok(if contains(&tail, b"%%EOF") { Shape::Whole } else { Shape::Unfinished })
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// A file that may still be being written.
#[derive(Clone, Copy, Debug)]
pub struct Settling {
    stamp: Stamp,
    since: Instant,
    was_finished: bool,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ripe {
    /// It is whole, or will not become so.
    Yes,
    /// Not before this time.
    NotBefore(Instant),
}

impl Settling {
    /// A file that is seen for the first time. `age` is how long ago its content was written, by its own stamp.
    pub fn new(stamp: Stamp, now: Instant, age: Duration) -> Self {
        // Programs that keep a file's old date set it when they have written everything.
        Self { stamp, since: now.checked_sub(age).unwrap_or(now), was_finished: false }
    }

    /// A further look. `finished` says that a program closed the file or renamed it into place since the last.
    pub fn look(&mut self, stamp: Stamp, now: Instant, finished: bool) {
        if !self.stamp.same_content(stamp) {
            self.since = now;
            self.was_finished = false;
        }
        self.was_finished |= finished;
        self.stamp = stamp;
    }

    /// The stamp of the last look.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Whether the file is to be taken, given what its bytes look like.
    pub fn ripe(&self, shape: Shape, now: Instant, patience: &Patience) -> Ripe {
        let wait = match shape {
            Shape::Whole if self.was_finished => Duration::ZERO,
            Shape::Whole => patience.quiet,
            Shape::Unfinished => patience.unfinished,
            Shape::Strange => patience.strange,
        };
        let at = self.since + wait;
        if now >= at { Ripe::Yes } else { Ripe::NotBefore(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        quiet: Duration::from_millis(600),
        strange: Duration::from_secs(5),
        unfinished: Duration::from_secs(30),
    };

    fn stamp(bytes: u64) -> Stamp {
        Stamp { bytes, modified_ns: 0, changed_ns: 0 }
    }

    #[test]
    fn a_file_is_taken_when_it_is_whole_or_given_up() {
        // (milliseconds, bytes, finished) of each look; the shape at the end; when it is ripe (milliseconds).
        type Look = (u64, u64, bool);
        let check = |looks: &[Look], shape, ripe_ms: u64| {
            let start = Instant::now();
            let at = |ms| start + Duration::from_millis(ms);
            let mut settling = Settling::new(stamp(looks[0].1), at(looks[0].0), Duration::ZERO);
            for (ms, bytes, finished) in looks {
                settling.look(stamp(*bytes), at(*ms), *finished);
            }
            assert_eq!(settling.ripe(shape, at(ripe_ms), &PATIENCE), Ripe::Yes, "{looks:?} {shape:?}");
            if let Some(before) = ripe_ms.checked_sub(1) {
                assert_eq!(settling.ripe(shape, at(before), &PATIENCE), Ripe::NotBefore(at(ripe_ms)));
            }
        };
        check(&[(0, 10, false)], Shape::Whole, 600);
        check(&[(0, 10, true)], Shape::Whole, 0);
        check(&[(0, 10, false), (500, 20, false)], Shape::Whole, 1100);
        check(&[(0, 10, true), (500, 20, false)], Shape::Whole, 1100);
        check(&[(0, 10, false), (500, 20, true), (700, 20, false)], Shape::Whole, 500);
        check(&[(0, 10, true)], Shape::Unfinished, 30_000);
        check(&[(0, 10, true), (20_000, 20, true)], Shape::Unfinished, 50_000);
        check(&[(0, 0, true)], Shape::Strange, 5_000);
    }

    #[test]
    fn a_file_that_was_there_long_is_taken_at_once() {
        let now = Instant::now();
        let settling = Settling::new(stamp(10), now, Duration::from_secs(1));
        assert_eq!(settling.ripe(Shape::Whole, now, &PATIENCE), Ripe::Yes);
    }

    #[test]
    fn both_ends_make_the_shape() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.pdf");
        for (bytes, shape) in [
            (b"".to_vec(), Shape::Strange),
            (b"<html>".to_vec(), Shape::Strange),
            (b"%PDF-1.7\nhalf".to_vec(), Shape::Unfinished),
            (b"\n%PDF-1.7\nall\n%%EOF\n".to_vec(), Shape::Whole),
            ([b"%PDF-1.7\n%%EOF".to_vec(), vec![b' '; 5000]].concat(), Shape::Unfinished),
            ([b"%PDF-1.7\n".to_vec(), vec![b' '; 9000], b"%%EOF".to_vec()].concat(), Shape::Whole),
        ] {
            std::fs::write(&file, &bytes).unwrap();
            assert_eq!(super::shape(&file).unwrap(), shape, "{} bytes", bytes.len());
        }
    }
}
