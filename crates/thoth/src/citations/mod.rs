//! Titles, authors, years and identifiers out of a paper; BibTeX.
