//! The note on disk: found again wherever the user moved it, written aside and renamed, never over a file that is
//! not ours.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::template::NoteTemplate;
use super::works::Manner;
use super::{document, link::Target, name, render};
use crate::aside::Aside;
use crate::paper::Paper;
use crate::template::Fault;

/// Longest note that is read (bytes). A larger one is the user's book, and left alone.
const NOTE_MAX_BYTES: u64 = 16 << 20;

/// How much of a note is read to find its identity (bytes).
const HEAD_BYTES: u64 = 64 << 10;

/// Notes that a search for an identity looks into, at most.
const SEARCH_MAX: usize = 50_000;

/// How deep a search goes.
const DEPTH_MAX: usize = 16;

/// How often a rewrite begins again because the user saved the note meanwhile.
const ATTEMPTS_MAX: u32 = 5;

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The vault.
    pub vault: &'a Path,
    /// Where a new note goes.
    pub folder: &'a Path,
    /// Where the note of this paper was when it was last written.
    pub last: Option<&'a Path>,
    /// The paper's id.
    pub id: &'a str,
    /// The id under which the note was written before the PDF's content changed.
    pub former_id: Option<&'a str>,
    /// The PDF.
    pub pdf: &'a Path,
    /// The paper.
    pub paper: &'a Paper,
    /// How it shows works.
    pub manner: Manner<'a>,
    /// The user's template of our part; `None` for what is built in.
    pub template: Option<&'a NoteTemplate>,
    /// Whether a note is made where there is none. A link is refreshed in a note that exists; one that the user
    /// deleted does not come back for that.
    pub create: bool,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// A new note.
    Created(PathBuf),
    /// Our part was brought up to date.
    Updated(PathBuf),
    /// The note said all that already.
    Unchanged(PathBuf),
    /// The note was not touched, and why.
    LeftAlone(PathBuf, String),
    /// There is no note, and none was to be made.
    Absent,
}

/// A note that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// What the file system refused.
    #[error("the note `{}` could not be written: {source}; check the folder's permissions and free space", path.display())]
    Io {
        /// The note or its folder.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// The user's template does not take this paper.
    #[error("the template `{name}` does not take this paper: {fault}; change it, or remove the file")]
    Template {
        /// What people know the template by.
        name: String,
        /// What is wrong.
        fault: Fault,
    },
    /// Every name that the note could have is another file's.
    #[error("the note `{}` could not be written: a file that is not Thoth's has its name; rename one of them", .0.display())]
    NameTaken(PathBuf),
    /// Somebody else writes the note all the time.
    #[error("the note `{}` could not be written: another program kept changing it; try again later", .0.display())]
    Busy(PathBuf),
}

impl NoteError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Writes the note of a paper, or brings it up to date.
///
/// # Errors
/// [`NoteError`]; a note that exists is then as it was.
pub fn write(order: &Order<'_>) -> Result<Written, NoteError> {
    match find(order) {
        Some(note) => update(order, &note),
        None if order.create => create(order),
        None => Ok(Written::Absent),
    }
}

/// The note that carries one of the order's ids: where it was last, in the notes folder, anywhere in the vault.
fn find(order: &Order<'_>) -> Option<PathBuf> {
    let is_ours = |path: &Path| {
        let head = head(path)?;
        let id = document::id(&head)?;
        (id == order.id || Some(id) == order.former_id).then(|| path.to_owned())
    };
    // A note whose frontmatter the user removed has no identity any more; where it was last, it still is that note.
    let at_last = |path: &&Path| head(path).is_some_and(|head| document::id(&head).is_none());
    if let Some(note) = order.last.and_then(is_ours) {
        return Some(note);
    }
    if let Some(note) = is_ours(&order.folder.join(plain_name(order))) {
        return Some(note);
    }
    let mut left = SEARCH_MAX;
    let found = search(order.folder, DEPTH_MAX, &mut left, &is_ours);
    // The whole vault is searched only for a note that is known to have been there.
    let found =
        found.or_else(|| order.last.and_then(|_| search(order.vault, DEPTH_MAX, &mut left, &is_ours)));
    found.or_else(|| order.last.filter(at_last).map(Path::to_owned))
}

fn search(
    folder: &Path,
    depth: usize,
    left: &mut usize,
    is_ours: &impl Fn(&Path) -> Option<PathBuf>,
) -> Option<PathBuf> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let (path, kind) = (entry.path(), entry.file_type().ok()?);
        let name = entry.file_name();
        if *left == 0 || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            folders.push(path);
        } else if kind.is_file() && path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md")) {
            *left -= 1;
            if let Some(note) = is_ours(&path) {
                return Some(note);
            }
        }
    }
    let depth = depth.checked_sub(1)?;
    folders.iter().find_map(|folder| search(folder, depth, left, is_ours))
}

/// The beginning of a note, as far as it is text.
fn head(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(HEAD_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Our part, without the markers.
fn body(order: &Order<'_>, target: &Target) -> Result<String, NoteError> {
    let Some(template) = order.template else {
        return Ok(render::body(order.paper, target, &order.manner));
    };
    let made = template.body(order.id, order.paper, target, &order.manner);
    made.map_err(|fault| NoteError::Template { name: template.name().to_owned(), fault })
}

fn plain_name(order: &Order<'_>) -> String {
    format!("{}.md", stem(order))
}

/// The title makes the name; where there is none, the PDF's own name.
fn stem(order: &Order<'_>) -> String {
    match &order.paper.metadata.title {
        Some(title) => name::of_title(&title.value),
        None => name::of_title(&order.pdf.file_stem().unwrap_or_default().to_string_lossy()),
    }
}

/// Writes a new note under the first of its names that is free. The second name depends on the paper alone, so
/// the same papers get the same names in whatever order they come.
fn create(order: &Order<'_>) -> Result<Written, NoteError> {
    fs::create_dir_all(order.folder).map_err(NoteError::at(order.folder))?;
    let target = Target::new(order.vault, order.pdf);
    let note =
        document::fresh(&render::entries(order.id, &order.paper.metadata, &target), &body(order, &target)?);
    let stem = stem(order);
    let names = [format!("{stem}.md"), format!("{stem} ({}).md", order.id)];
    for name in &names {
        let path = order.folder.join(name);
        if is_taken(order.folder, name).map_err(NoteError::at(order.folder))? {
            continue;
        }
        let aside = Aside::write(&path, note.as_bytes()).map_err(NoteError::at(&path))?;
        match aside.name_new(&path) {
            Ok(()) => return Ok(Written::Created(path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(NoteError::Io { path, source }),
        }
    }
    Err(NoteError::NameTaken(order.folder.join(names.first().map_or("", String::as_str))))
}

/// Whether the folder has this name in any case: macOS and Windows take `a.md` and `A.md` for one file, and a vault
/// is often carried there.
fn is_taken(folder: &Path, name: &str) -> io::Result<bool> {
    let name = name.to_lowercase();
    for entry in fs::read_dir(folder)? {
        if entry?.file_name().to_string_lossy().to_lowercase() == name {
            return Ok(true);
        }
    }
    Ok(false)
}

fn update(order: &Order<'_>, path: &Path) -> Result<Written, NoteError> {
    // A link is followed, so that the rename replaces the note and not the link; but not out of the vault.
    let path = &fs::canonicalize(path).map_err(NoteError::at(path))?;
    let root = fs::canonicalize(order.vault).map_err(NoteError::at(order.vault))?;
    let folder = fs::canonicalize(order.folder).unwrap_or_else(|_| order.folder.to_owned());
    if !(path.starts_with(&root) || path.starts_with(folder)) {
        return Ok(Written::LeftAlone(path.clone(), "it is a link that leads out of the vault".to_owned()));
    }
    let target = Target::new(order.vault, order.pdf);
    let entries = render::entries(order.id, &order.paper.metadata, &target);
    let body = body(order, &target)?;
    for _ in 0..ATTEMPTS_MAX {
        let (before, bytes) = read(path).map_err(NoteError::at(path))?;
        if before.len() > NOTE_MAX_BYTES {
            return Ok(Written::LeftAlone(path.clone(), format!("it is larger than {NOTE_MAX_BYTES} bytes")));
        }
        let Ok(note) = String::from_utf8(bytes) else {
            return Ok(Written::LeftAlone(path.clone(), "it is not UTF-8 text".to_owned()));
        };
        let next = match document::rewrite(&note, &entries, &body) {
            Ok(next) => next,
            Err(why) => return Ok(Written::LeftAlone(path.clone(), why)),
        };
        if next == note {
            return Ok(Written::Unchanged(path.clone()));
        }
        if replace(path, &before, next.as_bytes()).map_err(NoteError::at(path))? {
            return Ok(Written::Updated(path.clone()));
        }
    }
    Err(NoteError::Busy(path.clone()))
}

fn read(path: &Path) -> io::Result<(Metadata, Vec<u8>)> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    file.take(NOTE_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((metadata, bytes))
}

/// Replaces a note in one step; `false` if somebody changed it since `before`.
fn replace(path: &Path, before: &Metadata, bytes: &[u8]) -> io::Result<bool> {
    let aside = Aside::write(path, bytes)?;
    if stamp(&fs::metadata(path)?)? != stamp(before)? {
        return Ok(false);
    }
    aside.replace(path, before)?;
    Ok(true)
}

fn stamp(metadata: &Metadata) -> io::Result<(u64, SystemTime)> {
    Ok((metadata.len(), metadata.modified()?))
}
