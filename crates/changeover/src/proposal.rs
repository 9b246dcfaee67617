//! Changes that are asked for instead of saved.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::engine::Stopped;
use crate::report::{Cause, Verdict};

/// What [`Proposal::if_match`] says where the caller has seen no file.
pub const ABSENT: &str = "absent";

/// A new content of a settings file that somebody asks for: [`crate::Engine::propose`].
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Which file: `None` for the settings file, else one that the check reads through [`crate::Files`], by the same path.
    pub file: Option<PathBuf>,
    /// The bytes that the file shall have. [`crate::edit::edit`] makes them of the present ones.
    pub content: Vec<u8>,
    /// [`Cause::Edit`], [`Cause::Rollback`], [`Cause::Schedule`] or [`Cause::Expiry`].
    pub cause: Cause,
    /// Who asks, for the history. No secret.
    pub actor: Option<String>,
    /// The keyed hash of the content that the caller has seen ([`crate::Status::content`]), or [`ABSENT`]: with anything
    /// else in the file's place nothing happens. `None`: whatever stands there.
    pub if_match: Option<String>,
    /// Whether an object without any setting is meant.
    pub allow_empty: bool,
}

/// Why a proposal got no verdict. Nothing was tried.
#[derive(Debug, thiserror::Error)]
pub enum NotProposed {
    /// The file does not have the content that the caller has seen, or is being written just now.
    #[error("the settings file was changed by somebody else meanwhile")]
    Conflict {
        /// The keyed hash of what stands there; `None` where there is no file, or it cannot be read.
        present: Option<String>,
    },
    /// The engine has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What is said of a proposal as soon as it was read: where its verdict will come.
pub(crate) type Proposing = Result<oneshot::Receiver<Arc<Verdict>>, NotProposed>;
