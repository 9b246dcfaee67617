//! PDFs from elsewhere: one that lies outside the vault is copied into the PDF folder, never over another file.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::folder::{self, Stamp};
use super::intake;
use super::ledger::is_there;
use super::row::PaperRow;
use super::shared::Shared;
use super::status::Status;
use crate::aside::Aside;

/// Names that are tried for a copy: `a.pdf`, `a (2).pdf`, …
const NAMES_MAX: u32 = 1000;

/// What became of a file that was handed in.
pub(super) enum Adopted {
    /// It was read before; nothing is to be done.
    Known(Box<PaperRow>),
    /// It waits in the queue under this path.
    Queued(PathBuf),
}

/// Takes a file in: as it is if it lies in the vault, else as a copy in the PDF folder.
///
/// # Errors
/// Why not, in words for the user.
pub(super) fn adopt(shared: &Shared, source: &Path) -> Result<Adopted, String> {
    let shown = source.display();
    let real = fs::canonicalize(source).map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
    if !folder::is_pdf_name(&real) {
        return Err(format!("`{shown}` is not named like a PDF; give it a name that ends in `.pdf`"));
    }
    if !real.is_file() {
        return Err(format!("`{shown}` is not a file"));
    }
    let vault =
        fs::canonicalize(&shared.vault).map_err(|error| format!("the vault cannot be read: {error}"))?;
    let inputs = (shared.load)().inputs;
    let pdf_folder = fs::canonicalize(&inputs.pdf).ok();
    let ours = match (
        real.strip_prefix(&vault),
        pdf_folder.and_then(|folder| real.strip_prefix(folder).ok().map(PathBuf::from)),
    ) {
        (Ok(inside), _) => shared.vault.join(inside),
        (Err(_), Some(inside)) => inputs.pdf.join(inside),
        (Err(_), None) => match copied(shared, &real)? {
            Ok(path) => path,
            Err(known) => return Ok(Adopted::Known(known)),
        },
    };
    queue(shared, ours)
}

fn queue(shared: &Shared, file: PathBuf) -> Result<Adopted, String> {
    let ledger = |error| format!("the ledger: {error}");
    let metadata =
        fs::metadata(&file).map_err(|error| format!("`{}` cannot be read: {error}", file.display()))?;
    let stamp = Stamp::of(&metadata);
    if let Some(row) = shared.ledger.row(&file).map_err(ledger)? {
        let is_read = matches!(row.status, Status::Indexed | Status::Skipped);
        if is_read && row.stamp == stamp && row.missing_since.is_none() {
            return Ok(Adopted::Known(Box::new(row)));
        }
    }
    let row = shared.ledger.queue(&file, stamp).map_err(ledger)?;
    shared.queued(row.as_ref());
    Ok(Adopted::Queued(file))
}

/// Takes in a PDF that is handed over as bytes, under this name.
///
/// # Errors
/// Why not, in words for the user.
pub(super) fn adopt_bytes(shared: &Shared, name: &str, bytes: &[u8]) -> Result<Adopted, String> {
    let plain = Path::new(name).file_name() == Some(OsStr::new(name));
    if !plain || !folder::is_pdf_name(Path::new(name)) {
        return Err(format!(
            "`{name}` is not the name of a PDF; give one without folders that ends in `.pdf`"
        ));
    }
    let (size, max) = (bytes.len() as u64, (shared.load)().inputs.document_max_bytes);
    if size > max {
        let key = intake::SIZE_KEY;
        return Err(format!("`{name}` has {size} bytes; at most {max} are read, as `{key}` says"));
    }
    let content = blake3::hash(bytes).to_hex().to_string();
    match placed(shared, Path::new(name), &content, || Ok(bytes))? {
        Ok(path) => queue(shared, path),
        Err(known) => Ok(Adopted::Known(known)),
    }
}

/// The copy of a file in the PDF folder; or the row of a PDF in the vault that has the same content.
fn copied(shared: &Shared, source: &Path) -> Result<Result<PathBuf, Box<PaperRow>>, String> {
    let max_bytes = (shared.load)().inputs.document_max_bytes;
    let content = intake::content_of(source, max_bytes).map_err(|refusal| refusal.to_string())?;
    placed(shared, source, &content, || File::open(source))
}

/// A new file of this content in the PDF folder, named after `source`; or the row of a PDF in the vault that has it.
fn placed<R: io::Read>(
    shared: &Shared,
    source: &Path,
    content: &str,
    open: impl FnOnce() -> io::Result<R>,
) -> Result<Result<PathBuf, Box<PaperRow>>, String> {
    let inputs = (shared.load)().inputs;
    let (shown, folder) = (source.display(), inputs.pdf);
    let holder = shared.ledger.holder(content).map_err(|error| format!("the ledger: {error}"))?;
    if let Some(row) =
        holder.filter(|row| row.status == Status::Indexed && is_there(&shared.ledger.path(row)))
    {
        return Ok(Err(Box::new(row)));
    }
    let refused =
        |error: io::Error| format!("`{shown}` could not be copied into `{}`: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(refused)?;
    let stem = source
        .file_stem()
        .and_then(OsStr::to_str)
        .ok_or_else(|| format!("the name of `{shown}` is not UTF-8; rename it"))?;
    let first = folder.join(format!("{stem}.pdf"));
    let aside = open().and_then(|reader| Aside::write(&first, reader)).map_err(refused)?;
    for n in 1..=NAMES_MAX {
        let path = if n == 1 { first.clone() } else { folder.join(format!("{stem} ({n}).pdf")) };
        match aside.name_new(&path) {
            Ok(()) => return Ok(Ok(path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if intake::content_of(&path, inputs.document_max_bytes).is_ok_and(|there| there == content) {
                    return Ok(Ok(path));
                }
            }
            Err(error) => return Err(refused(error)),
        }
    }
    Err(format!("`{shown}` could not be copied: `{stem}.pdf` and {NAMES_MAX} more names are taken"))
}
