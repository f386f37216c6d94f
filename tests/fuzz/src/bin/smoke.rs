//! Every target for a short, fixed number of inputs, on stable Rust and without a fuzzer: what is
//! known (`corpus/`, and each target's seeds) and mutations of it, the same ones each time.
//!
//!   smoke [TARGET...]          tries; without names all of them
//!   smoke --seeds FOLDER       writes the seeds into FOLDER/TARGET/ for cargo-fuzz
//!   smoke --try TARGET FILE    tries one input
//!
//! An input that breaks something is left in `wigwag-fuzz-TARGET-PID` in the folder for temporary
//! files; `run.sh` says so once it happened, since a process that is gone cannot.

use anyhow::{Context, bail};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;
use wigwag_fuzz::mutate::Mutator;
use wigwag_fuzz::{TARGETS, Target};

/// The mutations are those of this seed.
const SEED: u64 = 1;
/// Most memory that the process may ever have had: what the largest picture costs libjpeg-turbo, many
/// times over.
const PEAK_KIB_MAX: u64 = 512 * 1024;

fn main() -> anyhow::Result<()> {
    // A panic in a task must end everything, not only its task.
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        default(info);
        std::process::abort();
    }));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--seeds", folder] => write_seeds(Path::new(folder)),
        ["--try", name, file] => {
            (find(name)?.run)(&fs::read(file).context(file.to_owned())?);
            Ok(())
        }
        [] => TARGETS.iter().try_for_each(smoke),
        ref names => names.iter().try_for_each(|name| smoke(find(name)?)),
    }
}

fn find(name: &str) -> anyhow::Result<&'static Target> {
    let names = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>();
    let found = TARGETS.iter().find(|target| target.name == name);
    found.with_context(|| format!("there is no target `{name}`, only {}", names().join(", ")))
}

fn write_seeds(folder: &Path) -> anyhow::Result<()> {
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed{number:03}")), seed)?;
        }
    }
    Ok(())
}

fn smoke(target: &Target) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut known = (target.seeds)();
    known.extend(corpus(target.name)?);
    let mut diary = Diary::open(target.name)?;
    for bytes in &known {
        diary.note(bytes)?;
        (target.run)(bytes);
    }
    let mut mutator = Mutator::new(SEED);
    for _ in 0..target.smoke_runs {
        let bytes = mutator.next(&known);
        diary.note(&bytes)?;
        (target.run)(&bytes);
    }
    diary.close()?;
    let peak_kib = peak_kib()?;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{}: {} known and {} mutated inputs in {seconds:.1} s, peak {} MiB",
        target.name,
        known.len(),
        target.smoke_runs,
        peak_kib / 1024
    );
    if peak_kib > PEAK_KIB_MAX {
        bail!(
            "{} KiB were in use, expected at most {PEAK_KIB_MAX}",
            peak_kib
        );
    }
    Ok(())
}

/// What broke something once.
fn corpus(name: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Ok(Vec::new());
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    let read = paths.iter().map(fs::read);
    Ok(read.collect::<Result<_, _>>()?)
}

/// The input that is being tried, so that a process that is gone has left it.
struct Diary {
    path: PathBuf,
    file: File,
}

impl Diary {
    fn open(name: &str) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("wigwag-fuzz-{name}-{}", std::process::id()));
        let file = File::create(&path)?;
        Ok(Self { path, file })
    }

    fn note(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.set_len(bytes.len() as u64)?;
        self.file.write_all_at(bytes, 0)
    }

    fn close(self) -> std::io::Result<()> {
        fs::remove_file(self.path)
    }
}

fn peak_kib() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.context("no VmHWM")?.trim().trim_end_matches(" kB");
    Ok(peak.parse()?)
}
