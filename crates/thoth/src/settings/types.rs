//! Whether a value is of its key's type, and what to write instead.

use changeover::check::{Kind as Json, Node};

use super::bounds::cut;
use super::key::{Key, Kind};

/// Why a value is not of its key's type, and the way out. Names no secret.
pub(super) fn mismatch(key: &Key, node: &Node, text: &str) -> Option<(String, String)> {
    let fits = match (key.kind, &node.kind) {
        (Kind::Text | Kind::TextOrNull, Json::String(_)) | (Kind::TextOrNull, Json::Null) => true,
        (Kind::Number, Json::Number(_)) | (Kind::Switch, Json::Bool(_)) | (Kind::Table, Json::Object(_)) => {
            true
        }
        (Kind::Count, Json::Number(number)) => number.is_u64(),
        (Kind::Texts, Json::Array(items)) => items.iter().all(|item| matches!(item.kind, Json::String(_))),
        _ => false,
    };
    if fits {
        return None;
    }
    let written = &cut(text.get(node.span.clone()).filter(|_| !key.secret).unwrap_or_default());
    let message = match (key.kind, &node.kind) {
        (Kind::Count, Json::Number(number)) if number.is_i64() => format!("`{written}` is below 0"),
        (Kind::Count, Json::Number(_)) => format!("`{written}` is not a whole number"),
        (Kind::Texts, Json::Array(_)) => "must hold nothing but strings".to_owned(),
        (kind, _) => format!("must be {}, not {}", kind.name(), node.kind_name()),
    };
    Some((message, way_out(key, node, written)))
}

fn way_out(key: &Key, node: &Node, written: &str) -> String {
    match (key.kind, &node.kind) {
        (_, Json::Null) => "leave the key out to get the default".to_owned(),
        (Kind::Count, Json::Number(number)) => match number.as_f64() {
            Some(value) if value >= 0.0 && value.fract() == 0.0 && value < 1e15 => {
                // `-0` is not below 0, and yet has its sign.
                format!("write `{:.0}`", value.abs())
            }
            _ => "write a whole number from 0, like `42`".to_owned(),
        },
        (Kind::Number | Kind::Count, Json::String(text))
            if text.trim().parse::<f64>().is_ok_and(f64::is_finite) =>
        {
            format!("write it without quotes: `{}`", cut(text.trim()))
        }
        (Kind::Switch, Json::String(text)) => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => "write `true`, without quotes".to_owned(),
            "false" | "no" | "off" | "0" | "" => "write `false`, without quotes".to_owned(),
            _ => "write `true` or `false`".to_owned(),
        },
        (Kind::Switch, Json::Number(_)) => "write `true` or `false`".to_owned(),
        (Kind::Text | Kind::TextOrNull, Json::Number(_) | Json::Bool(_)) if !written.is_empty() => {
            format!("write it in quotes: `\"{written}\"`")
        }
        (Kind::Texts, Json::String(_)) if !written.is_empty() && written.len() < 60 => {
            format!("write a list: `[{written}]`")
        }
        _ => format!("the default is `{}`", key.default.value()),
    }
}
