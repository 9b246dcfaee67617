//! A recipe: everything that decides how a paper is cut into chunks.

use serde::Serialize;

use super::settings::RagSettings;

/// Counts up when the same paper and the same settings give other chunks or other tables than before: the index is
/// then built anew in the background, as after a change of settings.
const CHUNKER_VERSION: u32 = 1;

/// How tokens are counted; see [`super::tokens`].
const ENCODING: &str = "cl100k_base, approximated";

/// Everything that decides how a paper is cut into chunks. Equal recipes have equal chunks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recipe {
    id: String,
    chunk_size: u32,
    chunk_overlap: u32,
}

impl Recipe {
    /// The recipe that the settings ask for.
    pub fn new(settings: &RagSettings) -> Self {
        let (chunk_size, chunk_overlap) = (settings.chunk_size, settings.chunk_overlap);
        let everything = format!("{CHUNKER_VERSION}\n{ENCODING}\n{chunk_size}\n{chunk_overlap}");
        let id = blake3::hash(everything.as_bytes()).to_hex().chars().take(16).collect();
        Self { id, chunk_size, chunk_overlap }
    }

    /// A recipe as the database has it. `None` where the id is not one of ours: ids become names of tables.
    pub(super) fn stored(id: String, chunk_size: u32, chunk_overlap: u32) -> Option<Self> {
        let ours = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        ours.then_some(Self { id, chunk_size, chunk_overlap })
    }

    /// 16 hexadecimal digits that tell it from every other recipe.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Tokens of a chunk, at most.
    pub fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    /// Tokens that a chunk shares with the one before it, at most.
    pub fn chunk_overlap(&self) -> u32 {
        self.chunk_overlap
    }

    /// The table of the recipe's chunks.
    pub(super) fn chunks_table(&self) -> String {
        format!("chunks_{}", self.id)
    }

    /// The table that counts the chunks of each term.
    pub(super) fn terms_table(&self) -> String {
        format!("terms_{}", self.id)
    }
}
