//! How fast and how small Wigwag is, beside its neighbours. `run.sh` builds and starts it.

mod footprint;
mod latency;
mod machine;
mod options;
mod peer;
mod product;
mod program;
mod progress;
mod recovery;
mod report;
mod ring;
mod serving;
mod statistics;

use anyhow::{Result, bail};
use machine::{Disturbance, Machine, Ticks};
use options::{Options, Part};
use product::RunningBox;
use progress::note;
use report::Results;
use std::fs;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((verb, rest)) if verb == "run" => measure(&Options::parse(rest)?),
        Some((verb, rest)) if verb == "ring-writer" => ring::peer::write(rest),
        Some((verb, rest)) if verb == "ring-reader" => ring::peer::read(rest),
        Some((verb, rest)) if verb == "load" => serving::load::run(rest),
        _ => bail!("{}", options::USAGE),
    }
}

fn measure(options: &Options) -> Result<()> {
    let (ticks, load_before) = (Ticks::now(), machine::load_average());
    if load_before > 0.5 {
        note(&format!(
            "the load average is {load_before}: others work here, trust ratios only"
        ));
    }
    let machine = Machine::this(options);
    let ring = options
        .wants(Part::Ring)
        .then(|| ring::measure(options))
        .transpose()?;
    let (mut latency, mut footprint, mut recovery) = (None, None, None);
    if options.wants(Part::Box) {
        let running = RunningBox::start(options, "box")?;
        latency = Some(latency::measure(options, &running)?);
        footprint = Some(footprint::measure(options, &running)?);
    }
    if options.wants(Part::Recovery) {
        let running = RunningBox::start(options, "recovery")?;
        recovery = Some(recovery::measure(options, &running)?);
    }
    let serving = options
        .wants(Part::Serving)
        .then(|| serving::measure(options))
        .transpose()?;
    let disturbance = Disturbance::since(ticks, load_before);
    let quick = options.quick;
    let results = Results {
        machine,
        disturbance,
        quick,
        ring,
        latency,
        footprint,
        recovery,
        serving,
    };
    let json = serde_json::to_string_pretty(&results)?;
    fs::write(options.folder.join("results.json"), json + "\n")?;
    let page = results.to_markdown();
    fs::write(options.folder.join("RESULTS.md"), &page)?;
    println!("{page}");
    Ok(())
}
