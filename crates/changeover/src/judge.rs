//! From a content to a judgement: its keyed fingerprint, and the product's check with a panic caught.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use crate::blueprint::{Accepted, Check, Occasion};
use crate::read::Content;
use crate::report::Problem;

/// What a check gives.
pub(crate) type Judged<S> = Result<Accepted<S>, Vec<Problem>>;

/// Keyed hash of a content: people may see it, and it tells nobody what the content was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    hash: blake3::Hash,
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
        let mut half = [0; 16];
        half.copy_from_slice(&self.hash.as_bytes()[..16]);
        u128::from_be_bytes(half)
    }

    /// For showing; `None` where there is no content.
    pub(crate) fn shown(&self) -> Option<String> {
        (self.kind == Kind::Bytes).then(|| format!("{:032x}", self.number()))
    }
}

/// The product's check, and the key of this state directory.
pub(crate) struct Judge<S> {
    pub(crate) check: Box<Check<S>>,
    pub(crate) key: [u8; 32],
    pub(crate) file: PathBuf,
}

impl<S> Judge<S> {
    /// The keyed hash of a content.
    pub(crate) fn fingerprint(&self, content: &Content) -> Fingerprint {
        let (kind, bytes) = match content {
            Content::Bytes(bytes) => (Kind::Bytes, bytes.as_slice()),
            Content::Missing => (Kind::Missing, [].as_slice()),
            Content::Unreadable(why) => (Kind::Unreadable, why.as_bytes()),
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&[kind as u8]);
        hasher.update(bytes);
        Fingerprint { hash: hasher.finalize(), kind }
    }

    /// Checks what would replace a live content.
    pub(crate) fn judge(&self, content: &Content) -> Judged<S> {
        self.judge_on(content, Occasion::Running)
    }

    /// Checks a content on an occasion.
    pub(crate) fn judge_on(&self, content: &Content, occasion: Occasion) -> Judged<S> {
        let file = self.file.display();
        match content {
            Content::Bytes(bytes) => self.check(bytes, occasion),
            Content::Missing => Err(vec![
                Problem::new("", format!("the settings file `{file}` is missing"))
                    .hint("what is live stays live; restore the file, or save it anew"),
            ]),
            Content::Unreadable(why) => {
                Err(vec![Problem::new("", format!("the settings file `{file}` cannot be read: {why}"))])
            }
        }
    }

    /// Checks bytes. A check that panics has found a defect of the product, and refuses.
    pub(crate) fn check(&self, bytes: &[u8], occasion: Occasion) -> Judged<S> {
        catch_unwind(AssertUnwindSafe(|| (self.check)(bytes, occasion))).unwrap_or_else(|_| {
            Err(vec![
                Problem::new("", "the check of this content panicked")
                    .hint("this is a defect of the program; the log has its place"),
            ])
        })
    }
}
