//! The title.

use super::Front;
use crate::paper::{Field, Source};

/// The largest text of the first page.
pub(super) fn title(front: &Front<'_>) -> Option<Field<String>> {
    let first = front.blocks.iter().filter(|block| block.page() == 1);
    let largest = first
        .filter(|block| block.text().split(' ').count() >= 3)
        .max_by(|a, b| {
            let size = |block: &crate::pdf::read::blocks::Block| block.line().map_or(0.0, |line| line.size);
            size(a).total_cmp(&size(b))
        })?;
    let found = largest
        .line()
        .is_some_and(|line| line.size > 1.05 * front.body.size);
    found.then(|| Field {
        value: largest.text(),
        source: Source::Layout { page: 1 },
    })
}
