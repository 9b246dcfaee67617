//! The files of the corpus as they are written down: `refused/*.txt` and `good/*.txt`, many to a text. README.md has the
//! form. The bench reads them too, so that there is one corpus.

use std::path::Path;

use anyhow::{Context, bail, ensure};

/// What a case begins with.
const TITLE: &str = "== ";

/// A settings file, and what is to be said of it.
#[derive(Debug)]
pub struct Sample {
    /// Where it is written down, and its title.
    pub what: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// Whether it must be refused.
    pub refused: bool,
    /// What must be said of it, a line for each problem, warning and value.
    pub expected: Vec<String>,
}

/// Every file of the corpus that stands in this folder.
pub fn all(folder: &Path) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for (name, refused) in [("refused", true), ("good", false)] {
        let mut texts: Vec<_> =
            std::fs::read_dir(folder.join(name))?.collect::<Result<Vec<_>, _>>().context("the corpus")?;
        texts.sort_by_key(std::fs::DirEntry::file_name);
        for text in texts {
            let path = text.path();
            let kind = format!("{name}/{}", path.file_stem().unwrap_or_default().to_string_lossy());
            let written = format!("\n{}", std::fs::read_to_string(&path)?);
            for case in written.split(&format!("\n{TITLE}")).skip(1) {
                let (title, body) = case.split_once('\n').unwrap_or((case, ""));
                let what = format!("{kind}: {title}");
                let draft = draft(folder, body).with_context(|| what.clone())?;
                let expected = draft.expected;
                samples.push(Sample { what, content: draft.content, refused, expected });
            }
        }
    }
    Ok(samples)
}

/// Makes what the paths of some files lead to, in a vault.
pub fn furnish(vault: &Path, folder: &Path) -> anyhow::Result<()> {
    std::fs::write(vault.join("a-file"), "")?;
    std::os::unix::fs::symlink("..", vault.join("way-out"))?;
    std::os::unix::fs::symlink("nowhere", vault.join("dangling"))?;
    std::fs::create_dir_all(vault.join("styles"))?;
    std::fs::copy(folder.join("../exports/mini.csl"), vault.join("styles/house.csl"))?;
    std::fs::write(vault.join("styles/broken.csl"), "<style>")?;
    Ok(())
}

#[derive(Default)]
struct Draft {
    content: Vec<u8>,
    old: String,
    expected: Vec<String>,
}

fn draft(folder: &Path, body: &str) -> anyhow::Result<Draft> {
    let mut draft = Draft::default();
    for line in body.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "|" => {
                if !draft.content.is_empty() {
                    draft.content.push(b'\n');
                }
                draft.content.extend(unescaped(rest)?.bytes());
            }
            "behind" => draft.content.extend(unescaped(rest)?.bytes()),
            "long" => draft.content = std::fs::read(folder.join("long").join(rest))?,
            "-" => draft.old = unescaped(rest)?,
            "+" => draft.replace(&unescaped(rest)?)?,
            "repeat" => draft.repeat(rest)?,
            "cut" => draft.content.truncate(rest.parse().context("bytes to keep")?),
            "as" => draft.content = encoded(&String::from_utf8(draft.content)?, rest)?,
            _ => draft.expected.push(unescaped(line)?),
        }
    }
    Ok(draft)
}

impl Draft {
    /// What stands behind `-` must stand in the file once, so that the place is certain.
    fn replace(&mut self, new: &str) -> anyhow::Result<()> {
        let text = String::from_utf8(std::mem::take(&mut self.content))?;
        let found = text.matches(&self.old).count();
        ensure!(found == 1, "`{}` stands {found} times in the file", self.old);
        self.content = text.replace(&self.old, new).into_bytes();
        Ok(())
    }

    /// `repeat 3 x№,`: `…` becomes `x0,x1,x2,`.
    fn repeat(&mut self, rest: &str) -> anyhow::Result<()> {
        let (count, pattern) = rest.split_once(' ').context("a count and a text")?;
        let pattern = unescaped(pattern)?;
        let count: usize = count.parse()?;
        self.old = "…".to_owned();
        let many: String = (0..count).map(|number| pattern.replace('№', &number.to_string())).collect();
        self.replace(&many)
    }
}

/// `‹A0›` is the character U+00A0.
fn unescaped(line: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('‹') {
        let (code, after) = after.split_once('›').context("`‹` without `›`")?;
        let letter = char::from_u32(u32::from_str_radix(code, 16)?).context("no character")?;
        text.push_str(before);
        text.push(letter);
        rest = after;
    }
    Ok(text + rest)
}

fn encoded(text: &str, encoding: &str) -> anyhow::Result<Vec<u8>> {
    let units = || text.encode_utf16();
    Ok(match encoding {
        "utf-16le" => units().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => units().flat_map(u16::to_be_bytes).collect(),
        "utf-32le" => text.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect(),
        "utf-32be" => text.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect(),
        "latin-1" => text.chars().map(|letter| u8::try_from(u32::from(letter))).collect::<Result<_, _>>()?,
        "crlf" => text.replace('\n', "\r\n").into_bytes(),
        "cr" => text.replace('\n', "\r").into_bytes(),
        other => bail!("no such encoding: {other}"),
    })
}
