//! Styles, exports and look-ups, each against what is known to be right.

mod styles;
