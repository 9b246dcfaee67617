//! Titles that programs and publishers write into PDFs although they are none.

use super::identifiers::dois;

/// What a kind of article is called above its title.
const KINDS: [&str; 34] = [
    "research article",
    "original article",
    "original paper",
    "original research",
    "review article",
    "review",
    "article",
    "full paper",
    "full length article",
    "regular article",
    "regular paper",
    "short communication",
    "brief communication",
    "letter",
    "letter to the editor",
    "editorial",
    "case report",
    "case study",
    "technical note",
    "research paper",
    "conference paper",
    "paper",
    "open access",
    "untitled",
    "untitled document",
    "no title",
    "title",
    "document",
    "manuscript",
    "contents",
    "table of contents",
    "journal of",
    "preprint",
    "research",
];

/// Programs whose names stand in titles: `Microsoft Word - draft3.doc`.
const PROGRAMS: [&str; 8] = [
    "microsoft word",
    "microsoft powerpoint",
    "powerpoint presentation",
    "pdf document",
    "layout 1",
    "main.dvi",
    "slide 1",
    "openoffice",
];

/// Endings of file names.
const ENDINGS: [&str; 16] = [
    ".doc", ".docx", ".pdf", ".tex", ".dvi", ".ps", ".eps", ".indd", ".qxd", ".qxp", ".fm", ".rtf", ".odt",
    ".txt", ".p65", ".xml",
];

/// Whether a line says only what kind of article it stands above.
pub(super) fn is_kind(line: &str) -> bool {
    let lower = line.to_lowercase();
    KINDS.contains(&lower.trim_matches(|c: char| !c.is_alphanumeric()))
}

/// Whether a title says nothing about the paper: empty, a kind of article, a program's name, a file's name, a number.
pub(super) fn is_junk_title(title: &str) -> bool {
    let lower = title.trim().to_lowercase();
    let letters = lower.chars().filter(|c| c.is_alphabetic()).count();
    let visible = lower.chars().filter(|c| !c.is_whitespace()).count();
    letters < 3
        || letters * 2 < visible
        || is_kind(title)
        || PROGRAMS.iter().any(|program| lower.starts_with(program))
        || ENDINGS.iter().any(|ending| lower.ends_with(ending))
        || !lower.contains(' ')
            && (lower.contains(['_', '/', '\\']) || lower.chars().any(|c| c.is_ascii_digit()))
        || lower.contains("://")
        || dois(&lower).iter().any(|doi| doi.len() * 2 > lower.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_known_and_titles_are_not() {
        let check = |title: &str, wanted: bool| assert_eq!(is_junk_title(title), wanted, "{title}");
        for junk in [
            "",
            "123",
            "untitled",
            "Untitled Document",
            "RESEARCH ARTICLE",
            "Microsoft Word - paper_final3.docx",
            "s41586.indd",
            "6489122611071476 1..10",
            "doi:10.1016/j.cell.2010.01.001",
            "PII: S0140-6736(05)66549-6",
            "main.dvi",
            "article_1234",
        ] {
            check(junk, true);
        }
        for title in [
            "Attention Is All You Need",
            "BERT",
            "Research on articles",
            "2D materials",
            "Letter frequencies in Welsh",
            "Über die von der molekularkinetischen Theorie der Wärme geforderte Bewegung",
        ] {
            check(title, false);
        }
    }
}
