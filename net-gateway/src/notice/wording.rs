//! The words of a notice: headline, detail, since when; and lines that fit. Pure, but for the
//! machine's time zone.

use super::trouble::{Kind, Trouble};
use std::time::Duration;
use tz::{DateTime, TimeZone};

/// Longest detail that is shown, in characters; it may come from a device.
const DETAIL_CHARS_MAX: usize = 400;

/// What a notice says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Which source, and what is wrong with it.
    pub headline: String,
    /// Why; may be empty.
    pub detail: String,
    /// Since when, and for how long.
    pub since: String,
}

impl Words {
    /// The words for `trouble` of the source `name`, which began at `since_us` and is told of at
    /// `now_us`, both in microseconds since 1970.
    #[must_use]
    pub fn new(name: &str, trouble: &Trouble, since_us: u64, now_us: u64) -> Self {
        let headline = match trouble.kind {
            Kind::Lost => format!("{name} is lost"),
            Kind::Ended => format!("{name} has ended"),
            Kind::Failed => format!("{name} has failed"),
            Kind::Starting => format!("{name} is starting"),
            Kind::Waiting => format!("{name} waits for a client"),
            Kind::Silent => format!("{name} gives no frames"),
        };
        let lasted = Duration::from_micros(now_us.saturating_sub(since_us));
        Self {
            headline,
            detail: capitalized(trouble.detail.chars().take(DETAIL_CHARS_MAX)),
            since: format!(
                "Since {}, for {}",
                local_time(since_us, lasted),
                length(lasted)
            ),
        }
    }

    /// All of it as one line of text.
    #[must_use]
    pub fn line(&self) -> String {
        let parts = [&self.headline, &self.detail, &self.since];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.map(String::as_str).collect::<Vec<_>>().join(". ")
    }
}

fn capitalized(mut text: impl Iterator<Item = char>) -> String {
    let first = text.next().into_iter().flat_map(char::to_uppercase);
    first.collect::<String>() + &text.collect::<String>()
}

/// The time of day where the box stands, with the date if that was not today or yesterday.
fn local_time(time_us: u64, ago: Duration) -> String {
    let seconds = i64::try_from(time_us / 1_000_000).unwrap_or(i64::MAX);
    let local = TimeZone::local().ok().and_then(|zone| {
        let time = DateTime::from_timespec(seconds, 0, zone.as_ref()).ok()?;
        Some((time, ""))
    });
    let utc = || {
        let time = DateTime::from_timespec(seconds, 0, TimeZone::utc().as_ref()).ok()?;
        Some((time, " UTC"))
    };
    let Some((time, zone)) = local.or_else(utc) else {
        return "an unknown time".to_owned();
    };
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let clock = format!("{hour:02}:{minute:02}:{second:02}{zone}");
    if ago < DAY {
        return clock;
    }
    let (year, month, day) = (time.year(), time.month(), time.month_day());
    format!("{year}-{month:02}-{day:02} {clock}")
}

/// One day.
const DAY: Duration = Duration::from_secs(86_400);

/// A length of time in its two largest units.
fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Breaks `text` into at most `lines_max` lines of at most `columns` characters, between words
/// where it can. What does not fit is left out, and the last line says so.
#[must_use]
pub fn wrap(text: &str, columns: usize, lines_max: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        while !rest.is_empty() {
            let used = lines.last().map_or(columns, |line| line.chars().count());
            let space = usize::from(used > 0);
            if used + space + rest.len() <= columns {
                if let Some(line) = lines.last_mut() {
                    line.extend(std::iter::repeat_n(' ', space).chain(rest.drain(..)));
                }
            } else {
                // A word that is longer than a line is broken where the line ends.
                let count = rest.len().min(columns);
                lines.push(rest.drain(..count).collect());
            }
        }
    }
    if lines.len() > lines_max {
        lines.truncate(lines_max);
        if let Some(line) = lines.last_mut() {
            let kept: String = line.chars().take(columns.saturating_sub(3)).collect();
            *line = kept + "...";
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_the_source_the_reason_and_the_time() {
        let trouble = Trouble {
            kind: Kind::Lost,
            detail: "it was unplugged".to_owned(),
        };
        let since_us = 1_795_154_181_792_971;
        let words = Words::new("cam0", &trouble, since_us, since_us + 75_900_000);
        assert_eq!(words.headline, "cam0 is lost");
        assert_eq!(words.detail, "It was unplugged");
        assert!(words.since.ends_with(", for 1 min 15 s"), "{words:?}");
        // The hour depends on where the test runs, the rest hardly ever.
        assert!(words.since.starts_with("Since "), "{words:?}");
        assert!(words.since.contains(":21,"), "{words:?}");
        assert!(
            words
                .line()
                .starts_with("cam0 is lost. It was unplugged. Since "),
            "{}",
            words.line()
        );
    }

    #[test]
    fn a_clock_that_went_back_makes_no_negative_time() {
        let trouble = Trouble {
            kind: Kind::Ended,
            detail: String::new(),
        };
        let words = Words::new("clip0", &trouble, 2_000_000, 1_000_000);
        assert!(words.since.ends_with("for 0 s"), "{words:?}");
        assert!(!words.line().contains(". ."), "{}", words.line());
    }

    #[test]
    fn lengths_have_two_units_and_old_times_a_date() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3_725, "1 h 2 min"),
            (180_000, "2 d 2 h"),
        ] {
            assert_eq!(length(Duration::from_secs(seconds)), text);
        }
        let time = local_time(1_795_154_181_000_000, DAY);
        assert!(time.starts_with("2026-11-"), "{time}");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(
            wrap("it was  unplugged at noon", 10, 9),
            ["it was", "unplugged", "at noon"]
        );
        assert_eq!(wrap("", 10, 9), [""; 0]);
        assert_eq!(wrap("exactly ten", 11, 9), ["exactly ten"]);
    }

    #[test]
    fn words_longer_than_a_line_are_broken_and_nothing_gets_lost() {
        assert_eq!(
            wrap("on /dev/v4l/by-id/usb-x now", 8, 9),
            ["on", "/dev/v4l", "/by-id/u", "sb-x now"]
        );
        assert_eq!(wrap("größer", 2, 9), ["gr", "öß", "er"]);
        assert_eq!(wrap("ab", 0, 9), ["a", "b"], "never stuck");
    }

    #[test]
    fn what_does_not_fit_is_left_out_visibly() {
        let lines = wrap("one two three four five six", 9, 2);
        assert_eq!(lines, ["one two", "three..."]);
        assert!(lines.iter().all(|line| line.chars().count() <= 9));
    }
}
