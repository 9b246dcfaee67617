//! Times and lengths of time as people write them.

use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, ToSpan, Zoned};

/// A length of time: `7d`, `36h`, `1h 30m`. A day has 24 hours.
///
/// # Errors
/// What is wrong with it, in words.
pub fn period(text: &str) -> Result<SignedDuration, String> {
    let refused = |error: jiff::Error| format!("{error}; write it as in `7d`, `36h`, `90m`");
    let span: Span = text.parse().map_err(refused)?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(refused)?;
    if duration.is_positive() { Ok(duration) } else { Err("it must be longer than nothing".to_owned()) }
}

/// A point in time: `08:00` (the next one), `2026-12-01T08:00`, both by the clock of `now`'s zone, or with a zone of its
/// own, `2026-12-01T08:00+01:00` or `2026-12-01T08:00[Europe/Berlin]`.
///
/// # Errors
/// That it is no time that can be waited for, in words.
pub fn moment(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let text = text.trim();
    let refused = || format!("`{text}` is no time; write it as in `08:00` or `2026-12-01T08:00`");
    let out_of_range = |error: jiff::Error| format!("`{text}`: {error}");
    let moment = if let Ok(zoned) = text.parse::<Zoned>() {
        zoned.timestamp()
    } else if let Ok(timestamp) = text.parse::<Timestamp>() {
        timestamp
    } else if text.contains('-') {
        let civil: DateTime = text.parse().map_err(|_| refused())?;
        // An hour that the change to summer time leaves out is the one after it.
        civil.to_zoned(now.time_zone().clone()).map_err(out_of_range)?.timestamp()
    } else {
        let time: Time = text.parse().map_err(|_| refused())?;
        let today = now.with().time(time).build().map_err(out_of_range)?;
        let next = if today > *now { today } else { today.checked_add(1.day()).map_err(out_of_range)? };
        next.timestamp()
    };
    if moment > now.timestamp() {
        return Ok(moment);
    }
    Err(format!("`{text}` is over: it is {} now", now.strftime("%Y-%m-%d %H:%M:%S")))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let now = "2026-03-28T12:00:00+01:00".parse::<Timestamp>().unwrap().to_zoned(zone);
        let check = |text: &str, expected: Result<&str, &str>| match (moment(text, &now), expected) {
            (Ok(moment), Ok(expected)) => assert_eq!(moment.to_string(), expected, "{text}"),
            (Err(message), Err(part)) => assert!(message.contains(part), "{text}: {message}"),
            (other, expected) => panic!("{text}: {other:?}, not {expected:?}"),
        };
        check("18:30", Ok("2026-03-28T17:30:00Z"));
        // The clocks are set to summer time in the night between.
        check("08:00", Ok("2026-03-29T06:00:00Z"));
        check("2026-12-01T08:00", Ok("2026-12-01T07:00:00Z"));
        check("2026-12-01 08:00", Ok("2026-12-01T07:00:00Z"));
        check("2026-12-01T08:00Z", Ok("2026-12-01T08:00:00Z"));
        check("2026-12-01T08:00:00-05:00", Ok("2026-12-01T13:00:00Z"));
        // This hour does not exist.
        check("2026-03-29T02:30", Ok("2026-03-29T01:30:00Z"));
        check("2026-03-28T11:59", Err("is over"));
        check("2026-12-01", Ok("2026-11-30T23:00:00Z"));
        for wrong in ["", "soon", "25:00", "2026-13-01T08:00", "-"] {
            check(wrong, Err("is no time"));
        }
    }

    #[test]
    fn a_length_is_written_as_people_do() {
        let minutes = |text: &str| period(text).map(|length| length.as_mins());
        let lengths = [("7d", 10_080), ("2w", 20_160), ("1 day 2 hours", 1_560), ("90m", 90), ("1h 30m", 90)];
        for (text, expected) in lengths {
            assert_eq!(minutes(text), Ok(expected), "{text}");
        }
        for wrong in ["", "7", "soon", "0d", "-1d", "3 months", "5 parsecs"] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }
}
