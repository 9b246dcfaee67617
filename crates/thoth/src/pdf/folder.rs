//! What is in a folder: every PDF with the stamp by which a change shows, and nothing that is not a PDF.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// PDFs that are followed in one folder, at most.
pub const FILES_MAX: usize = 100_000;

/// How deep folders are followed.
const DEPTH_MAX: usize = 24;

/// By what a file is known to be the same as before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub bytes: u64,
    /// Nanoseconds since 1970 of the last change of the content.
    pub modified_ns: i64,
    /// Nanoseconds since 1970 of the last change of content or permissions; 0 where the system does not tell.
    pub changed_ns: i64,
}

impl Stamp {
    /// The stamp of a file.
    pub fn of(metadata: &fs::Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            modified_ns: metadata.modified().map(nanoseconds).unwrap_or_default(),
            changed_ns: changed_ns(metadata),
        }
    }

    /// Whether bytes were written between two stamps.
    pub fn same_content(self, other: Self) -> bool {
        (self.bytes, self.modified_ns) == (other.bytes, other.modified_ns)
    }

    /// Whether the file was there, as it is, at a time; where the system does not tell, it counts as having been.
    pub fn arrived_before(self, time: SystemTime) -> bool {
        self.changed_ns <= nanoseconds(time)
    }

    /// For how long the content has not been written, by the clock of the file system.
    pub fn age(self, now: SystemTime) -> Duration {
        let age = nanoseconds(now).saturating_sub(self.modified_ns);
        Duration::from_nanos(u64::try_from(age).unwrap_or_default())
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or_default();
    i64::try_from(since).unwrap_or(i64::MAX)
}

#[cfg(unix)]
fn changed_ns(metadata: &fs::Metadata) -> i64 {
    use std::os::unix::fs::MetadataExt;
    metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed_ns(_: &fs::Metadata) -> i64 {
    0
}

/// Which part of the file system is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The folder.
    pub folder: PathBuf,
    /// Whether folders in it are followed too.
    pub recursive: bool,
    /// The vault: a link to a folder that leads out of it, and out of the folder, is not followed.
    pub vault: PathBuf,
}

/// A look at a folder.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The PDFs.
    pub files: HashMap<PathBuf, Stamp>,
    /// Whether everything could be looked at. Only then is a file that is not listed known to be gone.
    pub is_complete: bool,
    /// What could not be looked at, or was passed over.
    pub problem: Option<String>,
}

/// Whether a name is a PDF's: not hidden, not a lock or a download under way.
pub fn is_pdf_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default();
    ending.eq_ignore_ascii_case("pdf") && !name.starts_with('.') && !name.starts_with('~')
}

/// Looks at a folder.
///
/// # Errors
/// What the file system says of the folder itself; of what is in it, [`Listing::problem`] tells.
pub fn list(scope: &Scope) -> io::Result<Listing> {
    let roots = [
        fs::canonicalize(&scope.folder)?,
        fs::canonicalize(&scope.vault).unwrap_or_else(|_| scope.vault.clone()),
    ];
    let mut walk =
        Walk { roots, recursive: scope.recursive, seen: HashSet::new(), listing: Listing::default() };
    walk.listing.is_complete = true;
    walk.folder(&scope.folder, 0)?;
    Ok(walk.listing)
}

struct Walk {
    roots: [PathBuf; 2],
    recursive: bool,
    seen: HashSet<PathBuf>,
    listing: Listing,
}

impl Walk {
    fn folder(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(error) => {
                    self.pass_over(folder, &error.to_string());
                    continue;
                }
            };
            if let Err(error) = self.entry(&path, depth) {
                // Gone since the folder was read: it is not in the folder.
                if error.kind() != io::ErrorKind::NotFound {
                    self.pass_over(&path, &error.to_string());
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, depth: usize) -> io::Result<()> {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            return Ok(());
        }
        let mut metadata = fs::symlink_metadata(path)?;
        if metadata.is_symlink() {
            let target = fs::canonicalize(path)?;
            let [folder, vault] = &self.roots;
            let is_listed_anyway =
                self.recursive && target.starts_with(folder) || folder.starts_with(&target);
            let leads_out = !(target.starts_with(folder) || target.starts_with(vault));
            metadata = fs::metadata(&target)?;
            // The intake refuses a PDF that is elsewhere, in words; a folder of them is none of ours.
            if is_listed_anyway || leads_out && !metadata.is_file() {
                return Ok(());
            }
            // A folder that is reached by a link could be reached again through itself.
            if metadata.is_dir() && !self.seen.insert(target) {
                return Ok(());
            }
        }
        if metadata.is_dir() {
            return match self.recursive {
                true if depth >= DEPTH_MAX => {
                    self.pass_over(path, &format!("deeper than {DEPTH_MAX} folders"));
                    Ok(())
                }
                true => self.folder(path, depth + 1),
                false => Ok(()),
            };
        }
        if metadata.is_file() && is_pdf_name(path) {
            self.file(path, &metadata);
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, metadata: &fs::Metadata) {
        if path.to_str().is_none() {
            self.listing.problem =
                Some(format!("`{}` is passed over: its name is not UTF-8; rename it", path.display()));
        } else if self.listing.files.len() >= FILES_MAX {
            self.pass_over(path, &format!("more than {FILES_MAX} PDFs"));
        } else {
            self.listing.files.insert(path.to_owned(), Stamp::of(metadata));
        }
    }

    fn pass_over(&mut self, path: &Path, why: &str) {
        self.listing.is_complete = false;
        self.listing.problem = Some(format!("`{}` is passed over: {why}", path.display()));
    }
}

/// What a verdict says when this folder is followed.
pub fn watches(folder: &Path) -> String {
    format!("watches `{}`", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scope: &Scope) -> Vec<String> {
        let listing = list(scope).unwrap();
        let name = |path: &PathBuf| path.strip_prefix(&scope.folder).unwrap().to_str().unwrap().to_owned();
        let mut names: Vec<_> = listing.files.keys().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn only_pdfs_are_listed() {
        let vault = tempfile::tempdir().unwrap();
        let folder = vault.path().join("pdf");
        for name in [
            "a.pdf",
            "B.PDF",
            "c.pdf.part",
            "d.crdownload",
            ".e.pdf",
            "~$f.pdf",
            "g.txt",
            ".h/i.pdf",
            "j/k.pdf",
            "j/l/m.pdf",
        ] {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::create_dir(folder.join("n.pdf")).unwrap();
        let scope = |recursive| Scope { folder: folder.clone(), recursive, vault: vault.path().to_owned() };
        assert_eq!(names(&scope(true)), ["B.PDF", "a.pdf", "j/k.pdf", "j/l/m.pdf"]);
        assert_eq!(names(&scope(false)), ["B.PDF", "a.pdf"]);
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_followed_by_links_inside_the_vault_only() {
        use std::os::unix::fs::symlink;
        let (vault, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = vault.path().join("pdf");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir(vault.path().join("more")).unwrap();
        fs::write(vault.path().join("more/in.pdf"), "x").unwrap();
        fs::write(outside.path().join("out.pdf"), "x").unwrap();
        symlink(vault.path().join("more/in.pdf"), folder.join("in.pdf")).unwrap();
        symlink(vault.path().join("more"), folder.join("more")).unwrap();
        symlink(&folder, folder.join("loop")).unwrap();
        symlink(vault.path(), vault.path().join("more/up")).unwrap();
        symlink(outside.path().join("out.pdf"), folder.join("out.pdf")).unwrap();
        symlink(outside.path(), folder.join("outside")).unwrap();
        symlink(folder.join("nowhere.pdf"), folder.join("dangling.pdf")).unwrap();
        let scope = Scope { folder, recursive: true, vault: vault.path().to_owned() };
        assert_eq!(names(&scope), ["in.pdf", "more/in.pdf", "out.pdf"]);
    }
}
