//! The command line that the supervisor gives to a worker.

use super::report::WorkerFailure;

/// What stands on a worker's command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// Name of the one-shot server to connect to.
    pub(super) control: String,
    /// Name of the unit.
    pub(super) unit: String,
    /// Place in the process table.
    pub(super) place: usize,
    /// Number of this spawn.
    pub(super) generation: u64,
    /// Name of the segment.
    pub(super) segment: String,
}

impl Arguments {
    /// Reads `--control C --unit U --entry N --generation G --segment S`, in any order.
    pub(super) fn from_command_line(
        mut words: impl Iterator<Item = String>,
    ) -> Result<Self, WorkerFailure> {
        let [
            mut control,
            mut unit,
            mut entry,
            mut generation,
            mut segment,
        ] = [const { None::<String> }; 5];
        while let Some(flag) = words.next() {
            let place = match flag.as_str() {
                "--control" => &mut control,
                "--unit" => &mut unit,
                "--entry" => &mut entry,
                "--generation" => &mut generation,
                "--segment" => &mut segment,
                _ => return Err(WorkerFailure::usage(format!("unknown argument `{flag}`"))),
            };
            *place = words.next();
        }
        let given = |value: Option<String>, flag: &str| {
            value.ok_or_else(|| WorkerFailure::usage(format!("`{flag}` is missing")))
        };
        let number = |value: String, flag: &str| {
            value
                .parse::<u64>()
                .map_err(|_| WorkerFailure::usage(format!("`{flag} {value}` is no number")))
        };
        Ok(Self {
            control: given(control, "--control")?,
            unit: given(unit, "--unit")?,
            place: number(given(entry, "--entry")?, "--entry")? as usize,
            generation: number(given(generation, "--generation")?, "--generation")?,
            segment: given(segment, "--segment")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, WorkerFailure> {
        Arguments::from_command_line(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_argument_is_needed_and_no_other_is_taken() {
        let line = "--unit infer/0 --control /c --generation 7 --entry 3 --segment /wigwag-0-x";
        let arguments = parse(line).unwrap();
        assert_eq!((arguments.place, arguments.generation), (3, 7));
        assert_eq!(arguments.segment, "/wigwag-0-x");
        assert!(parse("--unit infer/0 --control /c --generation 7 --entry 3").is_err());
        assert!(parse(&format!("{line} --colour red")).is_err());
        assert!(parse(&line.replace('7', "seven")).is_err());
    }
}
