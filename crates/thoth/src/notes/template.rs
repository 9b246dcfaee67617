//! The user's template of a note: what it can name, and that it gives a note for any paper.

use minijinja::Value;

use super::document::{BEGIN, END};
use super::link::Target;
use super::references::{LINES_MAX, Line};
use super::render::{self, Heading, NOTICE};
use super::works::Manner;
use crate::paper::{Field, Metadata, Paper, Reference, Source};
use crate::template::{Context, Fault, Shown, Template};

/// The file of the template, in the folder that `paths.templates` names.
pub const FILE: &str = "note.md";

/// Everything that a template can name.
pub const NAMES: [&str; 20] = [
    "abstract",
    "arxiv",
    "arxiv_link",
    "authors",
    "bibtex",
    "built_in",
    "citation",
    "doi",
    "doi_link",
    "id",
    "issue",
    "outline",
    "page_count",
    "pages",
    "pdf",
    "references",
    "title",
    "venue",
    "volume",
    "year",
];

/// Headings of the largest sample.
const HEADINGS: usize = 200;

/// A template that gives a note for a paper of which everything is known, and for one of which nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteTemplate(Template);

impl NoteTemplate {
    /// The template of a source; `name` is what people know its file by.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(name: &str, source: &str) -> Result<Self, Fault> {
        let template = Template::new(name, source, Shown::Markdown, &NAMES)?;
        for sample in [Facts::nothing(), Facts::everything()] {
            template.render(&sample.context())?;
        }
        Ok(Self(template))
    }

    /// What people know its file by.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Its name, and which content of it this is.
    pub fn in_words(&self) -> String {
        format!("`{}` ({})", self.name(), self.0.mark())
    }

    /// Our part of a note, without the markers; ends with a line end.
    ///
    /// # Errors
    /// What only this paper shows.
    pub fn body(&self, id: &str, paper: &Paper, pdf: &Target, manner: &Manner<'_>) -> Result<String, Fault> {
        let text = self.0.render(&Facts::of(id, paper, pdf, manner).context())?;
        let mut out = format!("{NOTICE}\n");
        for line in text.lines() {
            // What a template gives must not end our part, or begin another.
            let is_marker = [BEGIN, END].contains(&line.trim());
            out.push_str(&if is_marker { line.replace("%%", "&#37;%") } else { line.to_owned() });
            out.push('\n');
        }
        Ok(out)
    }
}

/// What is known of a paper, as a template gets it.
struct Facts<'a> {
    id: &'a str,
    metadata: Metadata,
    page_count: u32,
    pdf: String,
    addresses: [Option<String>; 2],
    citation: Option<String>,
    headings: Vec<Heading>,
    references: Vec<(Reference, Line)>,
    built_in: String,
}

impl<'a> Facts<'a> {
    fn of(id: &'a str, paper: &Paper, pdf: &Target, manner: &Manner<'_>) -> Self {
        let lines: Vec<Line> = paper.references.iter().map(|entry| manner.line(entry)).collect();
        Self {
            id,
            metadata: paper.metadata.clone(),
            page_count: paper.page_count,
            pdf: pdf.link(None, None),
            addresses: render::addresses(&paper.metadata, manner),
            citation: manner.own_citation(&paper.metadata),
            headings: render::headings(&paper.sections, pdf).0,
            built_in: render::built_in(paper, pdf, manner, &lines),
            references: paper.references.iter().cloned().zip(lines).take(LINES_MAX).collect(),
        }
    }

    /// A PDF in which nothing was found.
    fn nothing() -> Self {
        Self {
            id: "0123456789ab",
            metadata: Metadata::default(),
            page_count: 1,
            pdf: "[[a.pdf]]".to_owned(),
            addresses: [None, None],
            citation: None,
            headings: Vec::new(),
            references: Vec::new(),
            built_in: "PDF: [[a.pdf]]\n".to_owned(),
        }
    }

    /// A paper as long as any that a note shows.
    fn everything() -> Self {
        let text = |value: &str| Some(field(value.to_owned()));
        let reference = Reference {
            label: Some("1".to_owned()),
            title: Some("A Title".to_owned()),
            year: Some(2020),
            doi: Some("10.1000/1".to_owned()),
            ..Reference::default()
        };
        let line = Line {
            label: Some("1".to_owned()),
            text: "A. Author, *A Title*. 2020.".to_owned(),
            link: Some("<https://doi.org/10.1000/1>".to_owned()),
        };
        let heading = |depth| Heading {
            title: "A Heading".to_owned(),
            depth,
            page: (depth > 0).then(|| (1, "[[a.pdf#page=1]]".to_owned())),
        };
        Self {
            metadata: Metadata {
                title: text("A Title"),
                authors: Some(field(vec!["Ada Author".to_owned(), "Bo Author".to_owned()])),
                year: Some(field(2020)),
                summary: text("One paragraph.\n\nAnother."),
                doi: text("10.1000/1"),
                arxiv: text("2001.00001"),
                venue: text("A Journal"),
                volume: text("1"),
                issue: text("2"),
                pages: text("3–4"),
            },
            addresses: [
                Some("<https://doi.org/10.1000/1>".to_owned()),
                Some("<https://arxiv.org>".to_owned()),
            ],
            citation: Some("A. Author, *A Title*. 2020.".to_owned()),
            headings: (0..HEADINGS).map(|number| heading(number % 3)).collect(),
            references: vec![(reference, line); LINES_MAX],
            ..Self::nothing()
        }
    }

    fn context(&self) -> Context {
        let metadata = &self.metadata;
        let text =
            |field: &Option<Field<String>>| Value::from(field.as_ref().map(|field| field.value.as_str()));
        let [doi_link, arxiv_link] = &self.addresses;
        let authors = metadata.authors.as_ref().map(|authors| authors.value.clone()).unwrap_or_default();
        let references = self.references.iter().zip(1_u64..);
        let context = Context::from([
            ("abstract", render::summary(metadata).into()),
            ("arxiv", text(&metadata.arxiv)),
            ("arxiv_link", markdown(arxiv_link.as_deref())),
            ("authors", authors.into()),
            ("bibtex", markdown(render::citable(metadata).as_deref())),
            ("built_in", markdown(Some(&self.built_in))),
            ("citation", markdown(self.citation.as_deref())),
            ("doi", text(&metadata.doi)),
            ("doi_link", markdown(doi_link.as_deref())),
            ("id", self.id.into()),
            ("issue", text(&metadata.issue)),
            ("outline", self.headings.iter().map(heading).collect::<Vec<_>>().into()),
            ("page_count", self.page_count.into()),
            ("pages", text(&metadata.pages)),
            ("pdf", markdown(Some(&self.pdf))),
            (
                "references",
                references.map(|(entry, number)| reference(entry, number)).collect::<Vec<_>>().into(),
            ),
            ("title", text(&metadata.title)),
            ("venue", text(&metadata.venue)),
            ("volume", text(&metadata.volume)),
            ("year", metadata.year.as_ref().map(|year| year.value).into()),
        ]);
        debug_assert!(context.keys().eq(NAMES.iter()), "{context:?}");
        context
    }
}

fn field<T>(value: T) -> Field<T> {
    Field { value, source: Source::Layout { page: 1 } }
}

/// Text that is Markdown already.
fn markdown(text: Option<&str>) -> Value {
    text.map_or_else(|| ().into(), |text| Value::from_safe_string(text.to_owned()))
}

fn heading(Heading { title, depth, page }: &Heading) -> Value {
    let (number, link) = page.as_ref().map(|(number, link)| (*number, link.as_str())).unzip();
    [
        ("title", title.as_str().into()),
        ("depth", (*depth).into()),
        ("page", number.into()),
        ("link", markdown(link)),
    ]
    .into_iter()
    .collect()
}

fn reference((entry, line): &(Reference, Line), number: u64) -> Value {
    [
        ("number", number.into()),
        ("label", Value::from(entry.label.as_deref())),
        ("text", markdown(Some(&line.text))),
        ("link", markdown(line.link.as_deref())),
        ("title", entry.title.as_deref().into()),
        ("year", entry.year.into()),
        ("doi", entry.doi.as_deref().into()),
    ]
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests;
