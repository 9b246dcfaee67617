//! Every way to save that is tried, one entry each: the table is the document's.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::text::{BAD_KEY, BAD_SYNTAX};
use super::{Task, nano, writers};
use crate::support::text;

/// How one program saves.
pub struct Way {
    pub name: &'static str,
    /// The program without which it cannot be tried.
    pub needs: &'static str,
    pub how: How,
    /// The tokens with which what it saves is bad.
    pub bad: &'static [&'static str],
    /// The verdict of a good content.
    pub good: &'static str,
    /// Whether the file has the very text then.
    pub exact: bool,
    /// Whether it adds to what is there instead.
    pub appends: bool,
}

pub enum How {
    /// A script of the shell, with `$FILE`, `$OLD`, `$NEW`, `$TEXT` (a file) and `$BESIDE` (a folder).
    Script(&'static str),
    /// One that says a line when it has saved, and lives until its input ends.
    Held(&'static str),
    /// What a program does, call by call, or a program that wants to be talked to.
    Calls(fn(&Task<'_>)),
}

const fn script(name: &'static str, needs: &'static str, script: &'static str) -> Way {
    Way {
        name,
        needs,
        how: How::Script(script),
        bad: &[BAD_KEY, BAD_SYNTAX],
        good: "applied",
        exact: true,
        appends: false,
    }
}

const fn calls(name: &'static str, needs: &'static str, calls: fn(&Task<'_>)) -> Way {
    Way { how: How::Calls(calls), ..script(name, needs, "") }
}

// Both make no backup of what lies in a folder for temporary files, unless they are told to.
const VIM: &str = r#"exec vim -u NONE -N -es -c "set nobackup writebackup backupskip= backupcopy=$COPY" -c "%s/$OLD/$NEW/g" -c wq "$FILE""#;
const EMACS: &str = r#"exec emacs -Q --batch "$FILE" --eval "(setq backup-inhibited nil backup-enable-predicate (lambda (_) t) backup-by-copying $COPY)" --eval '(progn (while (search-forward (getenv "OLD") nil t) (replace-match (getenv "NEW") t t)) (save-buffer))'"#;
const GIT: &str = r#"export GIT_DIR="$BESIDE/repository" GIT_CONFIG_NOSYSTEM=1 HOME="$BESIDE"
test -d "$GIT_DIR" || git init --quiet --bare "$GIT_DIR"
git --work-tree="$BESIDE" add settings.json
git --work-tree="$BESIDE" -c user.name=x -c user.email=x@localhost commit --quiet --allow-empty -m saved
exec git --work-tree="$(dirname "$FILE")" checkout --quiet --force HEAD -- settings.json"#;
const MAP: &str = r#"exec python3 -c '
import mmap, sys
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
    mapped[:] = open(sys.argv[2], "rb").read()
    mapped.flush()
' "$FILE" "$TEXT""#;
const MAP_AFTER_CLOSE: &str = r#"exec python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
text = open(sys.argv[2], "rb").read()
file = os.open(sys.argv[1], os.O_RDWR)
mapped = libc.mmap(None, len(text), 3, 1, file, 0)
assert mapped not in (None, ctypes.c_void_p(-1).value), os.strerror(ctypes.get_errno())
os.close(file)
ctypes.memmove(mapped, text, len(text))
assert libc.msync(ctypes.c_void_p(mapped), ctypes.c_size_t(len(text)), 4) == 0
print("saved", flush=True)
sys.stdin.read()
' "$FILE" "$TEXT""#;
// What it leaves is no link of a file that the next way would write to.
const VIM_HARD_LINK: &str = r#"ln -fL "$FILE" "$FILE.link"
vim -u NONE -N -es -c "set nobackup writebackup backupskip= backupcopy=$COPY" -c "%s/$OLD/$NEW/g" -c wq "$FILE"
exec rm "$FILE.link""#;

pub const WAYS: &[Way] = &[
    script("vim, `backupcopy=yes`", "vim", VIM),
    script("vim, `backupcopy=no`", "vim", VIM),
    script("vim, `backupcopy=auto`", "vim", VIM),
    script("vim, `backupcopy=auto,breaksymlink`", "vim", VIM),
    script("vim, `backupcopy=auto`, a hard link", "vim", VIM_HARD_LINK),
    script("vim, `backupcopy=auto,breakhardlink`, a hard link", "vim", VIM_HARD_LINK),
    calls("nano", "nano", nano::save),
    script("Emacs", "emacs", EMACS),
    script("Emacs, `backup-by-copying`", "emacs", EMACS),
    script("ed", "ed", r#"printf ',s/%s/%s/g\nw\nq\n' "$OLD" "$NEW" | ed -s "$FILE""#),
    calls("VS Code, imitated", "true", writers::vs_code),
    calls("Obsidian, Electron (`write-file-atomic`), imitated", "true", writers::write_file_atomic),
    script("`sed -i`", "sed", r#"exec sed -i "s/$OLD/$NEW/g" "$FILE""#),
    Way {
        bad: &[BAD_KEY],
        exact: false,
        ..script(
            "jq, a temporary file, `mv`",
            "jq",
            r#"jq --arg old "$OLD" --arg new "$NEW" 'tostring | gsub($old; $new) | fromjson' "$FILE" > "$FILE.part" && mv "$FILE.part" "$FILE""#,
        )
    },
    script("`cat >`", "cat", r#"cat "$TEXT" > "$FILE""#),
    script("`tee`", "tee", r#"exec tee "$FILE" < "$TEXT""#),
    Way {
        bad: &[BAD_KEY],
        good: "unchanged",
        exact: false,
        appends: true,
        ..script(
            "`tee -a`, a comment",
            "tee",
            r#"case "$NEW" in oken) line="$NEW" ;; *) line="// $NEW" ;; esac; echo "$line" | tee -a "$FILE""#,
        )
    },
    script("`cp`", "cp", r#"exec cp "$TEXT" "$FILE""#),
    script("`mv`", "mv", r#"cp "$TEXT" "$FILE.part" && exec mv "$FILE.part" "$FILE""#),
    script("`install`", "install", r#"exec install -m 600 "$TEXT" "$FILE""#),
    script("`rsync`", "rsync", r#"exec rsync --checksum "$TEXT" "$FILE""#),
    script("`rsync --inplace`", "rsync", r#"exec rsync --checksum --inplace "$TEXT" "$FILE""#),
    script("`git checkout`", "git", GIT),
    script(
        "`tar -x`, as `docker cp`",
        "tar",
        r#"tar -C "$BESIDE" -cf - settings.json | tar -C "$(dirname "$FILE")" -xf -"#,
    ),
    calls("byte by byte, slowly", "true", writers::byte_by_byte),
    calls("the same length, in two pieces", "true", writers::two_pieces),
    script("a memory map", "python3", MAP),
    Way { how: How::Held(MAP_AFTER_CLOSE), ..script("a memory map of a closed file", "python3", "") },
    calls("rename to a backup, write anew", "true", writers::rename_with_a_backup),
    calls("delete, create", "true", writers::delete_and_create),
];

impl How {
    /// What lives on when it has saved, if anything does.
    pub fn save(&self, name: &str, task: &Task<'_>) -> Option<Child> {
        let script = match self {
            Self::Script(script) | Self::Held(script) => script,
            Self::Calls(calls) => {
                calls(task);
                return None;
            }
        };
        let mut shell = Command::new("sh");
        shell.args(["-euc", script]).current_dir(task.beside).stdin(Stdio::null());
        shell.env("FILE", task.file).env("TEXT", task.text_file).env("BESIDE", task.beside);
        shell.env("OLD", task.old).env("NEW", task.new).env("COPY", copy(name));
        if matches!(self, Self::Held(_)) {
            let mut held = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut said = String::new();
            BufReader::new(held.stdout.take().unwrap()).read_line(&mut said).unwrap();
            assert_eq!(said, "saved\n", "{name}");
            return Some(held);
        }
        let done = shell.output().unwrap();
        assert!(done.status.success(), "{name}: {}", text(&done));
        None
    }
}

/// What a name says of copying backups.
fn copy(name: &str) -> &str {
    match name.split_once("backupcopy=") {
        Some((_, value)) => value.split('`').next().unwrap_or_default(),
        None if name.contains("backup-by-copying") => "t",
        None => "nil",
    }
}
