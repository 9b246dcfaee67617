//! The year of publication.

use super::Front;
use crate::paper::{Field, Source};
use crate::pdf::read::lines::Line;

/// Years that a paper can be of.
const YEARS: std::ops::RangeInclusive<i32> = 1600..=2100;

/// The year by the strongest of these: a date of publication, a copyright notice, the journal's own line, the date of
/// the arXiv stamp, the date of acceptance, the cover date of the XMP packet.
pub(super) fn year(front: &Front<'_>) -> Option<Field<i32>> {
    let lines: Vec<String> = front.lines.iter().filter(|line| line.page == 1).map(Line::text).collect();
    let text = Source::Text { page: 1 };
    let found = |value: i32, source: Source| Field { value, source };
    published(&lines)
        .or_else(|| copyright(&lines))
        .or_else(|| copyright(&[front.turned.to_owned()]))
        .or_else(|| lines.iter().find_map(|line| journal_line(line)).map(|(_, year)| year))
        .or_else(|| stamped(front.turned))
        .or_else(|| lines.iter().find_map(|line| after(line, "accepted")))
        .map(|year| found(year, text))
        .or_else(|| {
            let date = front.information.xmp_date.as_deref()?;
            Some(found(years(date).into_iter().next()?, Source::Xmp))
        })
        .or_else(|| {
            let standing = lines.iter().take(30).find_map(|line| alone(line))?;
            Some(found(standing, text))
        })
}

/// `Published 5 June 2017`, also with the date on the next line.
fn published(lines: &[String]) -> Option<i32> {
    lines.iter().zip(lines.iter().skip(1).map(String::as_str).chain([""])).find_map(|(line, next)| {
        let lower = line.to_lowercase();
        if !lower.contains("published") || lower.contains("published by") && years(line).is_empty() {
            return None;
        }
        after(line, "published").or_else(|| {
            let bare = lower.trim_end_matches([':', ' ']).ends_with("published")
                || lower.trim_end_matches([':', ' ']).ends_with("published online");
            if bare { years(next).into_iter().next() } else { None }
        })
    })
}

fn copyright(lines: &[String]) -> Option<i32> {
    lines
        .iter()
        .find_map(|line| after(line, "©").or_else(|| after(line, "copyright")).or_else(|| after(line, "(c)")))
}

/// The first year within some words after a word.
fn after(line: &str, word: &str) -> Option<i32> {
    let lower = line.to_lowercase();
    let at = lower.find(word)? + word.len();
    let tail: String = lower.get(at..)?.chars().take(60).collect();
    years(&tail).into_iter().next()
}

/// `[hep-ex] 26 Mar 2015`.
fn stamped(turned: &str) -> Option<i32> {
    let (_, rest) = turned.split_once("arXiv:")?;
    let (_, date) = rest.split_once(']')?;
    years(&date.chars().take(20).collect::<String>()).into_iter().next()
}

/// Journal and year of a line such as `Clinical Science (2014) 126, 305–313`, `BMC Health Services Research 2014, 14:1`
/// or `Softw Pract Exper. 2023;53:790–810.`
pub(super) fn journal_line(line: &str) -> Option<(String, i32)> {
    let found = years(line);
    let year = *found.first()?;
    let (before, after) = line.split_once(&year.to_string())?;
    let after = after.trim_start_matches([')', ',', ';', ':', ' ', '.']);
    let volume = after.chars().take_while(char::is_ascii_digit).count();
    let paged = after.get(volume..)?.trim_start().starts_with([',', ':', '(', ';']);
    let name = before.trim_end_matches(['(', ' ', '.', ',']);
    let name = name.split("et al.").last().unwrap_or(name).trim();
    let words = name.split(' ').count();
    let named =
        name.starts_with(char::is_uppercase) && words <= 10 && name.chars().all(|c| !c.is_ascii_digit());
    ((1..=4).contains(&volume) && paged && named && !name.is_empty()).then(|| (name.to_owned(), year))
}

/// A line that is little more than a date or names a volume: `March 2015`, `2015/03/27`, `Volume 2010, Article ID 1`.
fn alone(line: &str) -> Option<i32> {
    let found = years(line);
    let short = line.split(' ').count() <= 4 || line.to_lowercase().starts_with("vol");
    if short { found.first().copied() } else { None }
}

/// The numbers of a text that can be years.
pub(super) fn years(text: &str) -> Vec<i32> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 4)
        .filter_map(|digits| digits.parse().ok())
        .filter(|year| YEARS.contains(year))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_publication_is_recognised() {
        let check = |lines: &[&str], wanted: Option<i32>| {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            assert_eq!(published(&lines), wanted, "{lines:?}");
        };
        check(&["Submitted 25 March 2016", "Accepted 9 May 2017", "Published 5 June 2017"], Some(2017));
        check(&["Published online:", "6 July 2023"], Some(2023));
        check(&["Published by Portland Press"], None);
    }

    #[test]
    fn a_journal_line_gives_journal_and_year() {
        let check = |line: &str, wanted: Option<(&str, i32)>| {
            assert_eq!(journal_line(line), wanted.map(|(name, year)| (name.to_owned(), year)), "{line}");
        };
        check(
            "Clinical Science (2014) 126, 305–313 (Printed in Great Britain)",
            Some(("Clinical Science", 2014)),
        );
        check(
            "Agyeman-Duah et al. BMC Health Services Research 2014, 14:1",
            Some(("BMC Health Services Research", 2014)),
        );
        check("Softw Pract Exper. 2023;53:790–810.", Some(("Softw Pract Exper", 2023)));
        check("In 2014, 12 patients were seen", None);
    }
}
