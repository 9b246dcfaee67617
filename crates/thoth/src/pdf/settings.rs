//! What the intake of PDFs reads: `servers.monitor`, `performance`.

use serde::Serialize;

/// `servers.monitor`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MonitorSettings {
    /// Whether folders in the PDF folder are watched too (yes).
    pub recursive: bool,
}

/// The section `performance`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceSettings {
    /// What may be held in memory.
    pub memory: MemoryLimits,
}

/// `performance.memory`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryLimits {
    /// Megabytes (of 1,048,576 bytes) of a PDF that is read (50).
    pub max_document_size_mb: u64,
}
