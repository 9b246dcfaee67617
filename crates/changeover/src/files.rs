//! The files that a check reads: the settings file, and whatever else it asks for on the way (a layer beside it, the file
//! of a secret, a template). What was asked for belongs to the content from then on: it is watched as the settings file
//! is, and a change of it is a save.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::read::{self, Content, Look};

/// Other files that one check reads, at most. What is beyond them is unreadable.
pub const FILES_MAX: usize = 16;

/// A file that a check has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    pub(crate) path: PathBuf,
    pub(crate) look: Look,
    pub(crate) content: Content,
}

impl Other {
    /// A file as it is now.
    pub(crate) fn read(path: &Path) -> Self {
        let (look, content) = read::now(path);
        Self { path: path.to_owned(), look, content }
    }
}

/// The files of one check: the content of the settings file, and the way to all others.
#[derive(Debug)]
pub struct Files<'a> {
    main: &'a [u8],
    /// A file whose content is only proposed.
    proposed: Option<(&'a Path, &'a [u8])>,
    others: RefCell<Vec<Other>>,
}

impl<'a> Files<'a> {
    /// The files as they stand on the disk, around this content of the settings file.
    pub fn around(main: &'a [u8]) -> Self {
        Self { main, proposed: None, others: RefCell::default() }
    }

    /// The same, with one of them as somebody wants it to be.
    pub(crate) fn proposing(self, path: &'a Path, content: &'a [u8]) -> Self {
        Self { proposed: Some((path, content)), ..self }
    }

    /// The content of the settings file.
    pub fn main(&self) -> &'a [u8] {
        self.main
    }

    /// Another file, as it is now. It is read once for each check, however often it is asked for by the same spelling. Give an
    /// absolute path: it is the file's name as long as it is watched.
    pub fn read(&self, path: &Path) -> Content {
        let mut others = self.others.borrow_mut();
        // Byte for byte: to take paths apart costs more than all else here.
        if let Some(known) = others.iter().find(|other| other.path.as_os_str() == path.as_os_str()) {
            return known.content.clone();
        }
        if others.len() >= FILES_MAX {
            return Content::Unreadable(format!(
                "at most {FILES_MAX} files are read beside the settings file"
            ));
        }
        let other = match self.proposed {
            Some((proposed, content)) if proposed == path => Other {
                path: path.to_owned(),
                look: Look::at(path),
                content: Content::Bytes(content.to_vec()),
            },
            _ => Other::read(path),
        };
        let content = other.content.clone();
        others.push(other);
        content
    }

    /// What was asked for, in that order.
    pub(crate) fn asked_for(self) -> Vec<Other> {
        self.others.into_inner()
    }
}
