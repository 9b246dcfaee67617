//! The service `citations`: the style and the links of notes and exports.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::settings::CitationSettings;
use super::style::Style;

/// The inputs of the service `citations`, in the shape of the settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CitationInputs {
    /// The section `citation`.
    pub citation: CitationSettings,
    /// The hash of the content of the file that `citation.style` names.
    #[serde(rename = "the file of citation.style", serialize_with = "in_hexadecimal")]
    file: Option<blake3::Hash>,
}

impl CitationInputs {
    /// The inputs that these settings give.
    pub fn new(citation: &CitationSettings) -> Self {
        Self { citation: citation.clone(), file: citation.style.file_hash() }
    }
}

fn in_hexadecimal<S: Serializer>(hash: &Option<blake3::Hash>, serializer: S) -> Result<S::Ok, S::Error> {
    hash.map(|hash| hash.to_hex().to_string()).serialize(serializer)
}

/// A service with this style and these links, for tests of what works with one.
#[cfg(test)]
pub(crate) fn sample(style: &str, links: &str) -> Arc<Citations> {
    use super::settings::{Apis, LinkFormat};
    use super::style::Choice;
    let url = |text| url::Url::parse(text).unwrap();
    let citation = CitationSettings {
        style: Choice::named(style).unwrap(),
        link_format: LinkFormat::from_name(links).unwrap(),
        apis: Apis {
            use_crossref: false,
            crossref_url: url("https://crossref.invalid"),
            use_openalex: false,
            openalex_url: url("https://openalex.invalid"),
            contact: String::new(),
        },
    };
    Arc::new(Citations::new(&CitationInputs::new(&citation)).unwrap())
}

/// The service `citations`.
#[derive(Debug)]
pub struct Citations {
    /// The section that it was made from.
    pub settings: CitationSettings,
    style: Arc<Style>,
}

impl Citations {
    /// The service, with its style ready.
    ///
    /// # Errors
    /// Why the style cannot be had.
    pub fn new(inputs: &CitationInputs) -> Result<Self, String> {
        Ok(Self { settings: inputs.citation.clone(), style: inputs.citation.style.style()? })
    }

    /// What it runs, for people.
    pub fn in_words(&self) -> String {
        format!("style `{}`", self.settings.style.written())
    }

    /// The style of the settings.
    pub fn style(&self) -> &Style {
        &self.style
    }
}
