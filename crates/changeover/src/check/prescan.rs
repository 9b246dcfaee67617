//! One pass over the text for what the parser library does not tell or takes too lightly: `#` comments, depth,
//! raw control characters, white space that JSON does not have, brackets that do not match, and where a
//! half-written file ends.

use std::borrow::Cow;
use std::ops::Range;

use super::{DEPTH_MAX, Fault, PROBLEMS_MAX};

/// What the pass found, and the text for the parser.
pub(super) struct Scan<'a> {
    /// As long as the original, byte for byte in the same places: a `#` comment has become a `//` comment, a byte
    /// order mark and what is reported here anyway have become spaces.
    pub(super) text: Cow<'a, str>,
    pub(super) faults: Vec<Fault>,
    /// Byte ranges of the comments.
    pub(super) comments: Vec<Range<usize>>,
    /// Whether the parser can make sense of the text.
    pub(super) readable: bool,
}

pub(super) fn scan(text: &str) -> Scan<'_> {
    let mut pass = Pass {
        text,
        at: 0,
        open: Vec::new(),
        blanks: Vec::new(),
        hashes: Vec::new(),
        comments: Vec::new(),
        faults: Vec::new(),
        readable: true,
    };
    if text.starts_with('\u{feff}') {
        pass.blanks.push((0, 3));
        pass.at = 3;
    }
    while pass.readable && pass.faults.len() <= PROBLEMS_MAX && pass.step() {}
    if pass.readable {
        pass.end();
    }
    Scan {
        text: mended(text, &pass.blanks, &pass.hashes),
        faults: pass.faults,
        comments: pass.comments,
        readable: pass.readable,
    }
}

struct Pass<'a> {
    text: &'a str,
    at: usize,
    /// The brackets that are open, and where.
    open: Vec<(u8, usize)>,
    /// Byte ranges to be read as spaces.
    blanks: Vec<(usize, usize)>,
    /// Where `#` comments begin.
    hashes: Vec<usize>,
    faults: Vec<Fault>,
    comments: Vec<Range<usize>>,
    readable: bool,
}

impl Pass<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Passes over one token, comment or character; `false` at the end.
    fn step(&mut self) -> bool {
        let Some(byte) = self.byte(self.at) else {
            return false;
        };
        match byte {
            b'"' => self.string(),
            b'\'' => self.single_quoted(),
            b'{' | b'[' => self.opened(byte),
            b'}' | b']' => self.closed(byte),
            b'#' => {
                self.hashes.push(self.at);
                self.line_comment();
            }
            b'/' if self.byte(self.at + 1) == Some(b'/') => self.line_comment(),
            b'/' if self.byte(self.at + 1) == Some(b'*') => self.block_comment(),
            b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
            0..b' ' => self.control(byte),
            0x80.. => self.beyond_ascii(),
            _ => self.at += 1,
        }
        true
    }

    fn string(&mut self) {
        let start = self.at;
        self.at += 1;
        loop {
            self.at += self.plain();
            let Some(byte) = self.byte(self.at) else { break };
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' if !matches!(self.byte(self.at + 1), Some(b'\n' | b'\r')) => self.at += 2,
                b'\n' | b'\r' => {
                    let fault = Fault::new(start, "the string has no closing `\"` in its line");
                    self.faults.push(
                        fault.hint("close it with `\"`; a line break within a string is written `\\n`"),
                    );
                    self.readable = false;
                    return;
                }
                0..b' ' => {
                    let (name, instead) = control_name(byte);
                    let fault = Fault::new(self.at, format!("{name} stands raw in a string"));
                    self.faults.push(fault.hint(format!("write `{instead}`")));
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.text.len();
        self.faults.push(self.ends_in("a string", start));
        self.readable = false;
    }

    /// How many bytes from here on are nothing but characters of a string: most of a file is these. A whole block is looked at
    /// without a way out of it, which the processor does at once.
    fn plain(&self) -> usize {
        const BLOCK: usize = 16;
        let special = |byte: u8| u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < b' ');
        let is_plain = |block: &&[u8; BLOCK]| block.iter().fold(0, |found, byte| found | special(*byte)) == 0;
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let (blocks, _) = rest.as_chunks();
        let skipped = BLOCK * blocks.iter().take_while(is_plain).count();
        let last = rest.get(skipped..).unwrap_or_default();
        skipped + last.iter().position(|byte| special(*byte) != 0).unwrap_or(last.len())
    }

    /// The parser refuses these; what stands within must not be taken for brackets or comments.
    fn single_quoted(&mut self) {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        self.at += 1;
        if let Some(end) =
            rest.find(['\'', '\n', '\r']).filter(|end| rest.as_bytes().get(*end) == Some(&b'\''))
        {
            self.at += end + 1;
        }
    }

    fn opened(&mut self, bracket: u8) {
        self.open.push((bracket, self.at));
        if self.open.len() > DEPTH_MAX {
            let message = format!("objects and lists are nested more than {DEPTH_MAX} deep");
            self.faults.push(Fault::new(self.at, message));
            self.readable = false;
        }
        self.at += 1;
    }

    fn closed(&mut self, bracket: u8) {
        let (opener, name, other) = if bracket == b'}' { (b'{', '}', ']') } else { (b'[', ']', '}') };
        // Without an opening bracket of its kind it was meant for the innermost one.
        let mine = self.open.iter().rposition(|(open, _)| *open == opener);
        let closing = self.open.split_off(mine.unwrap_or(self.open.len().saturating_sub(1)));
        let unclosed = if mine.is_some() { closing.get(1) } else { closing.first() };
        if let Some((_, at)) = unclosed {
            let message = format!("`{name}` stands where `{other}` is missing");
            let also = Some((" for the bracket of", *at));
            self.faults.push(Fault { also, ..Fault::new(self.at, message) });
        } else if closing.is_empty() {
            let fault = Fault::new(self.at, format!("`{name}` closes nothing"));
            self.faults.push(fault.hint("one closing bracket too many, or an opening one too few"));
        }
        self.at += 1;
    }

    fn line_comment(&mut self) {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        self.at += length;
        self.comments.push(start..self.at);
    }

    fn block_comment(&mut self) {
        let start = self.at;
        match self.text.get(start + 2..).and_then(|rest| rest.find("*/")) {
            Some(end) => {
                self.at = start + 2 + end + 2;
                self.comments.push(start..self.at);
            }
            None => {
                self.at = self.text.len();
                self.faults.push(self.ends_in("a comment", start).hint("close it with `*/`"));
                self.readable = false;
            }
        }
    }

    fn control(&mut self, byte: u8) {
        let start = self.at;
        while self.byte(self.at) == Some(byte) {
            self.at += 1;
        }
        let (name, _) = control_name(byte);
        let fault = Fault::new(start, format!("{name} stands between the values"));
        self.faults.push(if byte == 0 {
            fault.hint("the file was not written to its end, or not as text")
        } else {
            fault
        });
        self.blanks.push((start, self.at));
    }

    fn beyond_ascii(&mut self) {
        let Some(letter) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else {
            self.at += 1;
            return;
        };
        let end = self.at + letter.len_utf8();
        if letter.is_whitespace() || letter == '\u{feff}' {
            let name = match letter {
                '\u{a0}' => "a no-break space".to_owned(),
                '\u{feff}' => "a second byte order mark".to_owned(),
                other => format!("the space character U+{:04X}", u32::from(other)),
            };
            let fault = Fault::new(self.at, format!("{name} stands between the values"));
            self.faults.push(fault.hint("put an ordinary space there"));
            self.blanks.push((self.at, end));
        }
        self.at = end;
    }

    fn end(&mut self) {
        if let Some((bracket, at)) = self.open.last().copied() {
            let thing = if bracket == b'{' { "an object" } else { "a list" };
            let closer = if bracket == b'{' { '}' } else { ']' };
            let fault = self.ends_in(thing, at);
            self.faults.push(fault.hint(format!("`{closer}` is missing, or the file is only half written")));
        }
    }

    /// The fault of a file that ends too early, at its last character that is not white space.
    fn ends_in(&self, thing: &str, began_at: usize) -> Fault {
        let end = self.text.trim_end().len();
        Fault {
            also: Some((", which begins in", began_at)),
            ..Fault::new(end, format!("the file ends within {thing}"))
        }
    }
}

fn control_name(byte: u8) -> (String, String) {
    match byte {
        0 => ("a zero byte".to_owned(), "\\u0000".to_owned()),
        b'\t' => ("a tab".to_owned(), "\\t".to_owned()),
        other => (format!("the control character U+{other:04X}"), format!("\\u{other:04x}")),
    }
}

fn mended<'a>(text: &'a str, blanks: &[(usize, usize)], hashes: &[usize]) -> Cow<'a, str> {
    if blanks.is_empty() && hashes.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    for (start, end) in blanks {
        if let Some(range) = bytes.get_mut(*start..*end) {
            range.fill(b' ');
        }
    }
    for at in hashes {
        // `#` and the character after it become `//` and spaces; before a line's end there is nothing to hide.
        let after =
            text.get(at + 1..).and_then(|rest| rest.chars().next()).filter(|c| !matches!(c, '\n' | '\r'));
        let length = 1 + after.map_or(0, char::len_utf8);
        if let Some(range) = bytes.get_mut(*at..at + length) {
            range.fill(b' ');
            if let [first, second, ..] = range {
                (*first, *second) = (b'/', b'/');
            }
        }
    }
    match String::from_utf8(bytes) {
        Ok(mended) => Cow::Owned(mended),
        Err(_) => Cow::Borrowed(text),
    }
}
