//! What a PDF says about itself: the document information dictionary and the XMP packet.
//! Formats: ISO 32000-1, 14.3 (metadata) and 7.9.2 (text strings).

use hayro_syntax::Pdf;
use hayro_syntax::object::{Dict, Stream};

/// Bytes of an XMP packet that are looked at.
const XMP_MAX: usize = 1 << 20;
/// Entries of a list that are kept; the largest collaborations have 5,000 authors.
const ENTRIES_MAX: usize = 6_000;

/// What the PDF says about itself, as it says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Information {
    /// `/Title`.
    pub title: Option<String>,
    /// `/Author`.
    pub author: Option<String>,
    /// `/Subject`.
    pub subject: Option<String>,
    /// `dc:title`.
    pub xmp_title: Option<String>,
    /// The entries of `dc:creator`.
    pub xmp_creators: Vec<String>,
    /// A DOI in one of the properties that are made for it.
    pub xmp_doi: Option<String>,
    /// `prism:publicationName`.
    pub xmp_venue: Option<String>,
    /// `prism:coverDate` or `prism:publicationDate`.
    pub xmp_date: Option<String>,
}

/// Reads both.
pub(crate) fn information(pdf: &Pdf) -> Information {
    let entries = pdf.metadata();
    let entry = |bytes: &Option<Box<[u8]>>| bytes.as_deref().map(text_string).filter(|text| !text.is_empty());
    let mut information = Information {
        title: entry(&entries.title),
        author: entry(&entries.author),
        subject: entry(&entries.subject),
        ..Information::default()
    };
    if let Some(packet) = packet(pdf) {
        read_packet(&packet, &mut information);
    }
    information
}

/// Reads what is of use out of an XMP packet.
pub(crate) fn read_packet(packet: &str, information: &mut Information) {
    let first = |name: &str| values(packet, name).into_iter().next();
    information.xmp_title = first("dc:title");
    information.xmp_creators = values(packet, "dc:creator");
    information.xmp_venue = first("prism:publicationName");
    information.xmp_date = ["prism:coverDate", "prism:publicationDate", "prism:coverDisplayDate"]
        .iter()
        .find_map(|name| first(name));
    let names =
        ["prism:doi", "dc:identifier", "crossmark:DOI", "pdfx:doi", "pdfx:WPS-ARTICLEDOI", "prism:url"];
    information.xmp_doi = names.iter().find_map(|name| first(name).filter(|value| value.contains("10.")));
}

fn packet(pdf: &Pdf) -> Option<String> {
    let catalog: Dict<'_> = pdf.xref().get(pdf.xref().root_id())?;
    let stream: Stream<'_> = catalog.get("Metadata")?;
    let bytes = stream.decoded().ok()?;
    Some(String::from_utf8_lossy(bytes.get(..bytes.len().min(XMP_MAX))?).into_owned())
}

/// The values of a property, written as an element (with `rdf:li` entries or without) or as an attribute.
fn values(packet: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(element) = between(packet, &format!("<{name}"), &format!("</{name}>")) {
        let content = element.split_once('>').map_or("", |(_, content)| content);
        let mut rest = content;
        while let Some(entry) = between(rest, "<rdf:li", "</rdf:li>") {
            found.push(entry.split_once('>').map_or("", |(_, entry)| entry).to_owned());
            rest = rest.split_once("</rdf:li>").map_or("", |(_, rest)| rest);
            if found.len() >= ENTRIES_MAX {
                break;
            }
        }
        if found.is_empty() && !content.contains('<') {
            found.push(content.to_owned());
        }
    } else if let Some(attribute) = between(packet, &format!(" {name}=\""), "\"") {
        found.push(attribute.to_owned());
    }
    found.iter().map(|value| plain(value)).filter(|value| !value.is_empty()).collect()
}

fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once(open)?;
        // `<dc:title` is also the beginning of `<dc:titleOfSomething>`.
        let whole = open.ends_with('"') || after.starts_with(|c: char| c == '>' || c.is_whitespace());
        if whole {
            return after.split_once(close).map(|(value, _)| value);
        }
        rest = after;
    }
}

/// Text without the five entities of XML and numeric ones, white space folded.
fn plain(value: &str) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        match after.split_once(';').and_then(|(entity, tail)| Some((character(entity)?, tail))) {
            Some((character, tail)) => {
                text.push(character);
                rest = tail;
            }
            None => {
                text.push('&');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// A text string: UTF-16 or UTF-8 with their marks, else PDFDocEncoding, which agrees with Latin-1 but for 0x80–0x9F.
fn text_string(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xFE, 0xFF, rest @ ..] => {
            let units = rest
                .chunks_exact(2)
                .map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
            char::decode_utf16(units).filter_map(Result::ok).collect()
        }
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| document_character(*byte)).collect(),
        },
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn document_character(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚', '™', 'ﬁ',
        'ﬂ', 'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', ' ',
    ];
    match byte {
        0x80..=0x9F => FROM_80.get(usize::from(byte - 0x80)).copied().unwrap_or(' '),
        0xA0 => '€',
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_xmp_packet_is_read_as_elements_and_as_attributes() {
        let mut found = Information::default();
        read_packet(
            "<rdf:Description prism:doi=\"10.1371/journal.pone.0197919\"><dc:title>\n<rdf:Alt><rdf:li xml:lang=\"x\">A \
             &amp; B</rdf:li></rdf:Alt></dc:title><dc:creator><rdf:Seq><rdf:li>Jane Doe</rdf:li><rdf:li/><rdf:li> \
             R&#252;diger  Roe</rdf:li></rdf:Seq></dc:creator><prism:coverDate>2018-06-13</prism:coverDate>",
            &mut found,
        );
        assert_eq!(found.xmp_title.as_deref(), Some("A & B"));
        assert_eq!(found.xmp_doi.as_deref(), Some("10.1371/journal.pone.0197919"));
        assert_eq!(found.xmp_date.as_deref(), Some("2018-06-13"));
        assert_eq!(found.xmp_creators.first().map(String::as_str), Some("Jane Doe"));
    }

    #[test]
    fn text_strings_are_decoded_by_their_mark() {
        assert_eq!(text_string(b"\xFE\xFF\x00R\x00\xFC"), "Rü");
        assert_eq!(text_string(b"\xEF\xBB\xBFR\xC3\xBC"), "Rü");
        assert_eq!(text_string(b"R\xFCdiger \x93"), "Rüdiger ﬁ");
    }
}
