//! Runs networks with ONNX Runtime, a library of the system that is loaded when it is asked for.
//!
//! Neighbours: [`engine`](super::engine) carries the proof that the library is there; `tract` is the
//! backend that needs no library. Everything that the library does lies behind the crate `ort`; nothing
//! here is unsafe, and nothing is downloaded.

use super::manifest::NetworkFile;
use super::network::{Network, Port, RunError};
use super::{ModelError, found_as};
use ort::environment::Environment;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};
use std::error::Error as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::{env, fmt, fs};

/// Names the library when the configuration does not.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// What the system's loader is asked for when nobody names a library.
const USUAL_NAMES: [&str; 2] = ["libonnxruntime.so", "libonnxruntime.so.1"];

/// The one environment that the library allows a process, once it is loaded.
static LOADED: OnceLock<Environment> = OnceLock::new();
/// Held while the library is loaded.
static LOADING: Mutex<()> = Mutex::new(());

/// The proof that the library is loaded and of a version that we can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runtime(());

impl Runtime {
    /// Loads the library, once for the whole process: the file that is given, else the one that
    /// [`LIBRARY_VARIABLE`] names, else what the system finds by its usual names.
    ///
    /// # Errors
    /// [`ModelError::Runtime`] when it is not there, cannot be loaded, or is too old.
    pub fn open(library: Option<&Path>) -> Result<Self, ModelError> {
        let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if LOADED.get().is_some() {
            return Ok(Self(()));
        }
        if let Some(file) = library {
            return load(file, false);
        }
        match env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => load(Path::new(&path), true),
            None => load_usual(),
        }
    }
}

/// Loads what the system's loader finds.
fn load_usual() -> Result<Runtime, ModelError> {
    let mut first = None;
    for name in USUAL_NAMES {
        match load(Path::new(name), true) {
            Ok(runtime) => return Ok(runtime),
            Err(error) => first = first.or(Some(error)),
        }
    }
    // There is at least one name.
    Err(first.unwrap_or_else(|| refused(Path::new(USUAL_NAMES[0]), "not found")))
}

/// Loads one library: a file, or, if it `may_be_searched`, a bare name that is the system's to find.
fn load(path: &Path, may_be_searched: bool) -> Result<Runtime, ModelError> {
    let is_bare = path.components().count() == 1 && !path.is_absolute();
    let path = match fs::canonicalize(path) {
        Ok(whole) => whole,
        Err(_) if is_bare && may_be_searched => path.to_owned(),
        Err(error) => return Err(refused(path, error)),
    };
    let builder = ort::init_from(&path).map_err(|error| refused(&path, load_error(&error)))?;
    let builder = builder.with_name("wigwag").with_telemetry(false);
    let environment = builder.build().map_err(|error| refused(&path, error))?;
    let _ = LOADED.set(environment);
    Ok(Runtime(()))
}

fn refused(library: &Path, cause: impl fmt::Display) -> ModelError {
    let cause = cause.to_string().replace('\n', " ");
    let library = library.to_owned();
    ModelError::Runtime { library, cause }
}

/// The cause without the path, which stands before it.
fn load_error(error: &ort::LoadDynamicError) -> String {
    match error {
        ort::LoadDynamicError::Dlopen { error, .. } => match error.source() {
            Some(cause) => cause.to_string(),
            None => error.to_string(),
        },
        ort::LoadDynamicError::MissingApi { .. } => "it is another library".to_owned(),
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            let least = ort::MINOR_VERSION;
            format!("expected version 1.{least} or newer, found {version_str}")
        }
        error => error.to_string(),
    }
}

/// One network, ready to run again and again.
pub(super) struct OrtNetwork {
    name: String,
    session: Session,
    inputs: Vec<Tensor<f32>>,
    outputs: Vec<Output>,
}

/// An output as it was after the last run.
struct Output {
    /// Its place among those of the graph.
    at: usize,
    values: Vec<f32>,
}

impl OrtNetwork {
    /// Loads a network, compares its ports with the manifest, and runs it once.
    pub fn load(file: &NetworkFile, _: Runtime) -> Result<Self, ModelError> {
        let unsupported = |error: &dyn fmt::Display| ModelError::Unsupported {
            path: file.path.clone(),
            cause: error.to_string(),
        };
        let bytes = file.read()?;
        let Some(environment) = LOADED.get() else {
            return Err(unsupported(&"the library is not loaded"));
        };
        let session = builder(environment).and_then(|mut one| one.commit_from_memory(&bytes));
        let session = session.map_err(|error| unsupported(&error))?;
        drop(bytes);
        let places = check_ports(file, &session)?;
        let tensor = |port: &Port| {
            let count = port.shape.iter().product();
            Tensor::from_array((port.shape.clone(), vec![0.0_f32; count]))
        };
        let inputs = file.inputs.iter().map(tensor).collect::<Result<_, _>>();
        let output = |(port, at): (&Port, usize)| Output {
            at,
            values: vec![0.0; port.shape.iter().product()],
        };
        let mut network = Self {
            name: file.name(),
            session,
            inputs: inputs.map_err(|error| unsupported(&error))?,
            outputs: file.outputs.iter().zip(places).map(output).collect(),
        };
        match network.run() {
            Ok(()) => Ok(network),
            Err(error) => Err(unsupported(&error.cause)),
        }
    }

    fn failed(&self, cause: String) -> RunError {
        RunError {
            network: self.name.clone(),
            cause,
        }
    }

    fn try_run(&mut self) -> Result<(), String> {
        let inputs: Vec<SessionInputValue<'_>> = self.inputs.iter().map(Into::into).collect();
        let found = self.session.run(&inputs[..]);
        let found = found.map_err(|error| error.to_string())?;
        for output in &mut self.outputs {
            let value = found.values().nth(output.at);
            let values = value
                .as_ref()
                .map(|value| value.try_extract_tensor::<f32>());
            let Some(Ok((_, values))) = values else {
                return Err(format!("output {} is no list of floats", output.at));
            };
            if values.len() != output.values.len() {
                let (expected, found) = (output.values.len(), values.len());
                return Err(format!("expected {expected} values, found {found}"));
            }
            output.values.copy_from_slice(values);
        }
        Ok(())
    }
}

/// One thread, which is the worker's own: workers are what scales with the cores, and a thread that
/// spins while it waits would take one from them.
fn builder(environment: &Environment) -> ort::Result<SessionBuilder> {
    Ok(Session::builder(environment)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_optimization_level(GraphOptimizationLevel::All)?)
}

/// Compares inputs and outputs with the manifest; returns the outputs' places in the graph.
fn check_ports(file: &NetworkFile, session: &Session) -> Result<Vec<usize>, ModelError> {
    let names = |ports: &[Outlet]| -> Vec<String> {
        ports.iter().map(|port| port.name().to_owned()).collect()
    };
    let wanted =
        |ports: &[Port]| -> Vec<String> { ports.iter().map(|port| port.name.clone()).collect() };
    let (found, expected) = (names(session.inputs()), wanted(&file.inputs));
    if found != expected {
        let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
        return Err(found_as(file, "inputs", expected, found));
    }
    for (port, outlet) in file.inputs.iter().zip(session.inputs()) {
        check_port(file, "input", port, outlet)?;
    }
    let mut places = Vec::new();
    for port in &file.outputs {
        let outputs = session.outputs();
        let Some(at) = outputs.iter().position(|one| one.name() == port.name) else {
            let (expected, found) = (wanted(&file.outputs), names(outputs));
            let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
            return Err(found_as(file, "outputs", expected, found));
        };
        check_port(file, "output", port, &outputs[at])?;
        places.push(at);
    }
    Ok(places)
}

/// A graph may leave dimensions open; those that it states must be the manifest's.
fn check_port(
    file: &NetworkFile,
    kind: &str,
    port: &Port,
    outlet: &Outlet,
) -> Result<(), ModelError> {
    if let ValueType::Tensor { ty, shape, .. } = outlet.dtype() {
        let fits = |(found, expected): (&i64, &usize)| *found < 0 || *found == *expected as i64;
        let same = shape.len() == port.shape.len() && shape.iter().zip(&port.shape).all(fits);
        if *ty == TensorElementType::Float32 && same {
            return Ok(());
        }
    }
    Err(found_as(
        file,
        &format!("{kind} `{}`", port.name),
        format!("F32 {:?}", port.shape),
        outlet.dtype().to_string(),
    ))
}

impl fmt::Debug for OrtNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrtNetwork")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Network for OrtNetwork {
    fn input(&mut self, index: usize) -> &mut [f32] {
        let tensor = self.inputs.get_mut(index);
        let values = tensor.and_then(|tensor| tensor.try_extract_tensor_mut::<f32>().ok());
        values.map(|(_, values)| values).unwrap_or_default()
    }

    fn run(&mut self) -> Result<(), RunError> {
        self.try_run().map_err(|cause| self.failed(cause))
    }

    fn output(&self, index: usize) -> &[f32] {
        let output = self.outputs.get(index);
        output.map(|output| &output.values[..]).unwrap_or_default()
    }
}
