//! From bytes to a JSON value with places: strict JSON as people write it.
