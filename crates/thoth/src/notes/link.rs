//! From a path to a link that Obsidian follows.

use std::fmt::Write;
use std::path::Path;

/// Where a file stands, seen from the vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    path: String,
    in_vault: bool,
}

impl Target {
    /// The target of a file. A file outside the vault is linked by its absolute path.
    pub fn new(vault: &Path, file: &Path) -> Self {
        let (path, in_vault) = match file.strip_prefix(vault) {
            Ok(relative) => (relative, true),
            Err(_) => (file, false),
        };
        let path = path.to_string_lossy();
        let path = if std::path::MAIN_SEPARATOR == '/' { path.into_owned() } else { path.replace('\\', "/") };
        Self { path, in_vault }
    }

    /// A link to the file, or to a page of it (counted from 1). A wikilink where the name allows one, because
    /// Obsidian keeps those up to date when a file is moved.
    pub fn link(&self, page: Option<u32>, text: Option<&str>) -> String {
        let place = page.map(|page| format!("#page={page}")).unwrap_or_default();
        if self.takes_wikilink() {
            let text = text.map(|text| format!("|{}", link_text(text))).unwrap_or_default();
            return format!("[[{}{place}{text}]]", self.path);
        }
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        let text = link_text(text.unwrap_or(name));
        format!("[{text}]({}{place})", self.url())
    }

    /// The link as a property: a wikilink, or the bare path where no wikilink can name it.
    pub fn property(&self) -> String {
        if self.takes_wikilink() { format!("[[{}]]", self.path) } else { self.path.clone() }
    }

    fn takes_wikilink(&self) -> bool {
        self.in_vault && !self.path.contains(['[', ']', '#', '^', '|', '\\', '%', '\n'])
    }

    fn url(&self) -> String {
        let mut url = String::from(if self.in_vault { "" } else { "file://" });
        for byte in self.path.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    url.push(char::from(byte))
                }
                byte => {
                    // Writing to a string cannot fail.
                    if write!(url, "%{byte:02X}").is_err() {
                        url.push('_');
                    }
                }
            }
        }
        url
    }
}

/// The text of a link cannot hold what ends the link.
fn link_text(text: &str) -> String {
    let safe = text.replace('[', "(").replace(']', ")").replace('|', "/").replace("%%", "%");
    safe.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages() {
        let check = |file: &str, page, text, link: &str| {
            assert_eq!(Target::new(Path::new("/vault"), Path::new(file)).link(page, text), link);
        };
        check("/vault/a/b c.pdf", None, None, "[[a/b c.pdf]]");
        check("/vault/a/b.pdf", Some(3), Some("On [x] | y"), "[[a/b.pdf#page=3|On (x) / y]]");
        check("/vault/a/b#1 [é].pdf", Some(3), Some("T"), "[T](a/b%231%20%5B%C3%A9%5D.pdf#page=3)");
        check("/else/b.pdf", None, None, "[b.pdf](file:///else/b.pdf)");
    }
}
