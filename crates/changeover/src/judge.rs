//! From a content to a judgement: its keyed fingerprint, and the product's check with a panic caught.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blueprint::{Accepted, Check, Occasion};
use crate::files::{Files, Other};
use crate::generation::Generation;
use crate::read::Content;
use crate::report::Problem;
use crate::tuning::Tuning;

/// What a check gives, with the settings shared.
pub(crate) type Judged<S> = Result<Accepted<Arc<S>>, Vec<Problem>>;

/// What came of a check.
pub(crate) struct Examined<S> {
    pub(crate) judged: Judged<S>,
    /// The files that it read beside the settings file.
    pub(crate) others: Vec<Other>,
    /// Of all of them.
    pub(crate) fingerprint: Fingerprint,
}

/// Keyed hash of a content: people may see it, and it tells nobody what the content was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    hash: blake3::Hash,
    /// Of the settings file alone.
    alone: u128,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bytes,
    Missing,
    Unreadable,
}

impl Fingerprint {
    /// For comparing.
    pub(crate) fn number(&self) -> u128 {
        half(&self.hash)
    }

    /// Whether the settings file is what it was then, whatever stands beside it.
    fn is_same_file(&self, other: &Self) -> bool {
        self.alone == other.alone
    }

    /// For showing; `None` where there is no content.
    pub(crate) fn shown(&self) -> Option<String> {
        (self.kind == Kind::Bytes).then(|| format!("{:032x}", self.number()))
    }
}

/// The first half of a hash: enough to tell apart what nobody made alike on purpose.
fn half(hash: &blake3::Hash) -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    u128::from_be_bytes(half)
}

fn parts(content: &Content) -> (Kind, &[u8]) {
    match content {
        Content::Bytes(bytes) => (Kind::Bytes, bytes),
        Content::Missing => (Kind::Missing, &[]),
        Content::Unreadable(why) => (Kind::Unreadable, why.as_bytes()),
    }
}

/// The product's functions of a content and of settings, and the key of this state directory.
pub(crate) struct Judge<S> {
    pub(crate) check: Box<Check<S>>,
    pub(crate) tuning: fn(&S) -> Tuning,
    pub(crate) meaning: fn(&S) -> Vec<u8>,
    pub(crate) key: [u8; 32],
    pub(crate) file: PathBuf,
}

impl<S> Judge<S> {
    /// The keyed hash of a content of the settings file, and of the others that belong to it.
    pub(crate) fn fingerprint(&self, content: &Content, others: &[Other]) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        let (kind, bytes) = parts(content);
        hasher.update(&[kind as u8]);
        hasher.update(bytes);
        let alone = half(&hasher.finalize());
        for other in others {
            let (kind, bytes) = parts(&other.content);
            // Lengths keep what stands in one file apart from what stands in the next.
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(other.path.as_os_str().as_encoded_bytes());
            hasher.update(&[kind as u8]);
            hasher.update(bytes);
        }
        Fingerprint { hash: hasher.finalize(), alone, kind }
    }

    /// The keyed hash of what settings mean: people may see it. A function that panics, which the program's hook has told, is
    /// taken to mean nothing.
    pub(crate) fn meaning(&self, settings: &S) -> String {
        let meaning = catch_unwind(AssertUnwindSafe(|| (self.meaning)(settings))).unwrap_or_default();
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(b"meaning\0");
        hasher.update(&meaning);
        format!("{:032x}", half(&hasher.finalize()))
    }

    /// Whether settings with this meaning run already: to keep them out would keep nothing out, and refuse what else is changed
    /// beside them.
    pub(crate) fn runs<V>(&self, live: &Generation<S, V>, meaning: &str) -> bool {
        !live.safe_mode && self.meaning(&live.settings) == meaning
    }

    /// Checks what would replace the live content, with another file as it is proposed. A settings file that is as it was when the
    /// live one was taken was not emptied or removed since: where it says nothing, or is not there, that still is what is meant,
    /// and it is a file beside it that has changed.
    pub(crate) fn examine(
        &self,
        content: &Content,
        proposed: Option<(&Path, &[u8])>,
        live: Option<Fingerprint>,
    ) -> Examined<S> {
        let examined = self.examine_on(content, proposed, Occasion::Running);
        let is_as_it_was = |live: Fingerprint| live.is_same_file(&examined.fingerprint);
        if examined.judged.is_err() && live.is_some_and(is_as_it_was) {
            return self.examine_or_nothing(content, proposed, Occasion::RunningAllowEmpty);
        }
        examined
    }

    /// Checks a content on an occasion on which no file is a file that says nothing.
    pub(crate) fn examine_or_nothing(
        &self,
        content: &Content,
        proposed: Option<(&Path, &[u8])>,
        occasion: Occasion,
    ) -> Examined<S> {
        match content {
            Content::Missing => {
                let nothing = Content::Bytes(b"{}".to_vec());
                let Examined { judged, others, .. } = self.examine_on(&nothing, proposed, occasion);
                let fingerprint = self.fingerprint(content, &others);
                Examined { judged, others, fingerprint }
            }
            content => self.examine_on(content, proposed, occasion),
        }
    }

    /// Checks a content on an occasion, with another file as it is proposed.
    pub(crate) fn examine_on(
        &self,
        content: &Content,
        proposed: Option<(&Path, &[u8])>,
        occasion: Occasion,
    ) -> Examined<S> {
        let (judged, others) = match content {
            Content::Bytes(bytes) => {
                let files = Files::around(bytes);
                let files = match proposed {
                    Some((path, content)) => files.proposing(path, content),
                    None => files,
                };
                (self.check(&files, occasion).map(shared), files.asked_for())
            }
            Content::Missing => (Err(vec![self.missing()]), Vec::new()),
            Content::Unreadable(why) => (Err(vec![self.unreadable(why)]), Vec::new()),
        };
        let fingerprint = self.fingerprint(content, &others);
        Examined { judged, others, fingerprint }
    }

    fn missing(&self) -> Problem {
        Problem::new("", format!("the settings file `{}` is missing", self.file.display()))
            .hint("what is live stays live; restore the file, or save it anew")
    }

    fn unreadable(&self, why: &str) -> Problem {
        Problem::new("", format!("the settings file `{}` cannot be read: {why}", self.file.display()))
    }

    /// Checks bytes. A check that panics has found a defect of the product, and refuses. So does a tuning: the loop asks for it
    /// when nothing can be refused any more.
    pub(crate) fn check(&self, files: &Files<'_>, occasion: Occasion) -> Result<Accepted<S>, Vec<Problem>> {
        let check = || {
            let judged = (self.check)(files, occasion);
            let _tuning = judged.as_ref().map(|accepted| (self.tuning)(&accepted.settings));
            judged
        };
        catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| {
            Err(vec![
                Problem::new("", "the check of this content panicked")
                    .hint("this is a defect of the program; the log has its place"),
            ])
        })
    }
}

fn shared<S>(accepted: Accepted<S>) -> Accepted<Arc<S>> {
    let Accepted { settings, warnings, secrets } = accepted;
    Accepted { settings: Arc::new(settings), warnings, secrets }
}
