//! What holds for every entry.

use super::parse;
