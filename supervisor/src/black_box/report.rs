//! What is kept of a death, and how it is told to people.

use serde::{Deserialize, Serialize};
use shm_layout::control::Role;
use shm_layout::prediction::PredictionJson;
use shm_layout::process_table::Stage;
use shm_layout::{MonotonicNs, PixelFormat};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// The report of one death; `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the entry.
    pub id: String,
    /// Name of the unit.
    pub unit: String,
    /// What it ran.
    pub kind: Role,
    /// Version of the supervisor.
    pub version: String,
    /// Number of the spawn.
    pub generation: u64,
    /// Process id.
    pub pid: u32,
    /// How it ended: `SIGSEGV (core)`, `exit 70`.
    pub cause: String,
    /// Whether the kernel wrote a core file.
    pub core: bool,
    /// Wall clock of the death, µs since 1970.
    pub died_at_us: u64,
    /// How long it had run, in ms.
    pub up_ms: u64,
    /// What it was doing; `None` if it had not come that far.
    pub stage: Option<Stage>,
    /// How long it had been doing that, in ms.
    pub stage_ms: Option<u64>,
    /// What it was doing last, the oldest first; the last one is the one that it died in.
    #[serde(default)]
    pub stages: Vec<StageReport>,
    /// Time from its last heartbeat to its death, in ms; `None` without any.
    pub heartbeat_ms: Option<u64>,
    /// What it counted, with its predecessors.
    pub counters: BTreeMap<String, u64>,
    /// The frames that it held, or published last.
    pub frames: Vec<FrameReport>,
    /// The last predictions for the sources that it worked on, the newest first.
    pub predictions: Vec<PredictionJson>,
    /// Its last log lines.
    pub log: Vec<String>,
}

/// One of the last stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReport {
    /// What it was doing.
    pub stage: Stage,
    /// Time from its beginning to the death, in µs.
    pub before_us: u64,
    /// How long it took, in µs; up to the death for the last one.
    pub took_us: u64,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameReport {
    /// Name of the source.
    pub source: String,
    /// Sequence of the frame.
    pub sequence: u64,
    /// Whether the dead process was reading it; otherwise it had published it.
    pub held: bool,
    /// Format of its bytes.
    pub format: PixelFormat,
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Wall clock of its capture, µs since 1970.
    pub capture_time_us: u64,
    /// Time from its capture to the death, in ms.
    pub age_ms: u64,
    /// Name of the picture beside the report.
    pub picture: String,
}

/// Name of an entry: it sorts by time, and says which unit.
#[must_use]
pub fn id_of(died_at_us: u64, unit: &str, generation: u64) -> String {
    let time: String = utc(died_at_us)
        .chars()
        .filter(|c| *c != '-' && *c != ':')
        .collect();
    format!(
        "{}-{}-{generation}",
        time.replace(' ', "T"),
        unit.replace('/', "-")
    )
}

/// `2026-11-20 06:32:05.123` of µs since 1970.
fn utc(us: u64) -> String {
    let (days, second) = (us / 86_400_000_000, us / 1_000_000 % 86_400);
    // Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:03}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        us / 1000 % 1000
    )
}

impl Report {
    /// One line for the list.
    #[must_use]
    pub fn to_line(&self) -> String {
        let when = utc(self.died_at_us);
        format!("{}  {when} UTC  {}: {}\n", self.id, self.unit, self.cause)
    }

    /// The report for people; `folder` is where its pictures are.
    #[must_use]
    pub fn to_text(&self, folder: &Path) -> String {
        let mut text = format!(
            "{} died: {}\n  when         {} UTC, after {} ms (pid {}, generation {})\n",
            self.unit,
            self.cause,
            utc(self.died_at_us),
            self.up_ms,
            self.pid,
            self.generation
        );
        let mut line = |name: &str, rest: String| {
            // Writing to a string cannot fail.
            let _written = writeln!(text, "  {name:<11}  {rest}");
        };
        line("stage", self.stage_text());
        for stage in &self.stages {
            line("did", stage.to_text());
        }
        for frame in &self.frames {
            let name = if frame.held { "held" } else { "published" };
            line(name, frame.to_text(folder));
        }
        for prediction in &self.predictions {
            line("predicted", prediction_text(prediction));
        }
        let counters: Vec<String> = self
            .counters
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        if !counters.is_empty() {
            line("counters", counters.join(", "));
        }
        for entry in &self.log {
            line("log", entry.clone());
        }
        line(
            "report",
            folder.join(super::store::REPORT).display().to_string(),
        );
        text
    }

    fn stage_text(&self) -> String {
        let Some(heartbeat_ms) = self.heartbeat_ms else {
            return "before its first heartbeat".to_owned();
        };
        let stage = self.stage.map_or("unknown".to_owned(), |stage| {
            format!("{stage:?}").to_lowercase()
        });
        let since = self.stage_ms.unwrap_or_default();
        format!("{stage} for {since} ms; last heartbeat {heartbeat_ms} ms before")
    }
}

impl StageReport {
    /// The stages with the time that each took, from when each began up to `died`.
    #[must_use]
    pub fn timeline(stages: &[(Stage, MonotonicNs)], died: MonotonicNs) -> Vec<Self> {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let ends = stages.iter().skip(1).map(|(_, began)| *began).chain([died]);
        let with_ends = stages.iter().zip(ends);
        with_ends
            .map(|((stage, began), end)| Self {
                stage: *stage,
                before_us: us(died.since(*began)),
                took_us: us(end.since(*began)),
            })
            .collect()
    }

    /// `-12.345 ms  inferring  for 10.2 ms`, in columns.
    fn to_text(self) -> String {
        let ms = |us: u64| us as f64 / 1000.0;
        let name = format!("{:?}", self.stage).to_lowercase();
        format!(
            "{:>12.3} ms before  {name:<10}  for {:.3} ms",
            ms(self.before_us),
            ms(self.took_us)
        )
    }
}

impl FrameReport {
    fn to_text(&self, folder: &Path) -> String {
        let path = folder.join(&self.picture);
        let picture = if path.is_file() {
            path.display().to_string()
        } else {
            "no picture was kept".to_owned()
        };
        format!(
            "{} frame {}, {}x{} {}, captured {} ms before: {picture}",
            self.source,
            self.sequence,
            self.width_px,
            self.height_px,
            self.format.name(),
            self.age_ms
        )
    }
}

fn prediction_text(prediction: &PredictionJson) -> String {
    let hands: Vec<String> = prediction
        .hands
        .iter()
        .map(|hand| format!("{} {:.2} ({})", hand.gesture, hand.score, hand.handedness))
        .collect();
    let shown = match &prediction.scene {
        Some(scene) => format!("{} {:.2} (whole frame)", scene.gesture, scene.score),
        None if hands.is_empty() => "no hand".to_owned(),
        None => hands.join(", "),
    };
    let (source, sequence) = (&prediction.source, prediction.sequence);
    format!(
        "{source} frame {sequence}, {:.0} ms before: {shown}",
        prediction.age_ms
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-02-29 12:34:56.789 UTC.
    const LEAP_DAY_US: u64 = 1_709_210_096_789_000;

    fn report() -> Report {
        Report {
            id: id_of(LEAP_DAY_US, "infer/0", 3),
            unit: "infer/0".to_owned(),
            kind: Role::Infer,
            version: "0.1.0".to_owned(),
            generation: 3,
            pid: 812,
            cause: "SIGSEGV (core)".to_owned(),
            core: true,
            died_at_us: LEAP_DAY_US,
            up_ms: 41_000,
            stage: Some(Stage::Inferring),
            stage_ms: Some(12),
            stages: StageReport::timeline(
                &[
                    (Stage::Decoding, MonotonicNs(4_000_000)),
                    (Stage::Inferring, MonotonicNs(6_500_000)),
                ],
                MonotonicNs(18_500_000),
            ),
            heartbeat_ms: Some(13),
            counters: BTreeMap::from([("taken".to_owned(), 9)]),
            frames: vec![FrameReport {
                source: "cam0".to_owned(),
                sequence: 41,
                held: true,
                format: PixelFormat::Mjpeg,
                width_px: 640,
                height_px: 480,
                capture_time_us: LEAP_DAY_US,
                age_ms: 40,
                picture: "cam0-41.jpg".to_owned(),
            }],
            predictions: Vec::new(),
            log: vec!["INFO ready".to_owned()],
        }
    }

    #[test]
    fn time_is_that_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000");
        assert_eq!(utc(LEAP_DAY_US), "2024-02-29 12:34:56.789");
        assert_eq!(utc(1_798_761_600_000_000 - 1000), "2026-12-31 23:59:59.999");
        assert_eq!(report().id, "20240229T123456.789-infer-0-3");
    }

    #[test]
    fn report_is_told_in_lines_with_paths() {
        let scratch = tempfile::tempdir().unwrap();
        let text = report().to_text(scratch.path());
        assert!(text.contains("no picture was kept"), "{text}");
        let picture = scratch.path().join("cam0-41.jpg");
        std::fs::write(&picture, "").unwrap();
        let text = report().to_text(scratch.path());
        for part in [
            "infer/0 died: SIGSEGV (core)",
            "2024-02-29 12:34:56.789 UTC, after 41000 ms (pid 812, generation 3)",
            "inferring for 12 ms; last heartbeat 13 ms before",
            "14.500 ms before  decoding    for 2.500 ms",
            "12.000 ms before  inferring   for 12.000 ms",
            "cam0 frame 41, 640x480 MJPG, captured 40 ms before: ",
            picture.to_str().unwrap(),
            "taken 9",
            "INFO ready",
            "report.json",
        ] {
            assert!(text.contains(part), "`{part}` is missing:\n{text}");
        }
    }

    #[test]
    fn report_reads_back_as_itself() {
        let json = serde_json::to_string(&report()).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report());
    }
}
