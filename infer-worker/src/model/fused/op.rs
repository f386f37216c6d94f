//! The operator that stands in tract's plan: one of our kernels with its packed weights.
//!
//! Neighbours: `builder` makes them; tract calls [`EvalOp::eval`] in the order of
//! its plan. Between operators values are flat pieces of [`memory`](super::memory), whose first floats
//! count: shapes are fixed when the graph is built, and every length is checked by the kernels.

use super::memory::{Memory, piece};
use crate::kernels::{
    Activation, Depthwise, Epilogue, Kernels, Lines, Packed, Plane, Product, Residual, Window, pool,
};
use std::cell::Cell;
use std::sync::Arc;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::op_out_of_plan;

/// What an operator computes.
#[derive(Debug)]
pub enum Work {
    /// Each row of the input times a matrix: a convolution with a 1x1 window, or a dense layer.
    Product(Packed, After),
    /// A convolution with a larger window: copied row by row, then a product.
    Windows(Window, Packed, After),
    /// A convolution in which each channel has its own window.
    Depthwise(Window, Lines, After),
    /// The greatest of each 2x2 pixels.
    MaxPool,
    /// Twice as high and wide.
    Double,
    /// The mean of each channel.
    Mean,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// All inputs one after the other.
    Concat,
    /// The sum of two inputs.
    Add,
    /// The input itself, in a tensor of its own shape: an output of the graph.
    Result,
}

/// What follows a sum.
#[derive(Debug)]
pub struct After {
    /// One value per output channel.
    pub bias: Lines,
    /// The activation.
    pub function: Function,
    /// Whether a second input is added, and if so, whether before the activation.
    pub residual: Option<bool>,
}

/// An activation with its values.
#[derive(Debug)]
pub enum Function {
    /// None.
    None,
    /// Nothing below the first, nothing above the second.
    Clamp(f32, f32),
    /// A slope per channel for what is negative.
    Slope(Lines),
}

impl After {
    fn epilogue<'a>(&'a self, residual: Option<(&'a [f32], usize)>) -> Epilogue<'a> {
        let activation = match &self.function {
            Function::None => Activation::None,
            Function::Clamp(low, high) => Activation::Clamp {
                low: *low,
                high: *high,
            },
            Function::Slope(slopes) => Activation::Slope(slopes),
        };
        let residual = residual.map(|(values, channels)| Residual {
            values,
            channels,
            first: self.residual.unwrap_or_default(),
        });
        Epilogue {
            bias: &self.bias,
            activation,
            residual,
        }
    }
}

/// One operator; a clone is the same one.
#[derive(Debug, Clone)]
pub struct FusedOp(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    work: Work,
    kernels: Kernels,
    /// Dimensions of each input, then of the output.
    inputs: Vec<Vec<usize>>,
    shape: Vec<usize>,
    memory: Arc<Memory>,
}

impl PartialEq for FusedOp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for FusedOp {}

thread_local! {
    /// The windows of one row of pixels.
    static WINDOWS: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

impl FusedOp {
    /// An operator from values of the dimensions `inputs` to one of `shape`.
    #[must_use]
    pub fn new(
        work: Work,
        inputs: Vec<Vec<usize>>,
        shape: &[usize],
        kernels: Kernels,
        memory: &Arc<Memory>,
    ) -> Self {
        Self(Arc::new(Inner {
            work,
            kernels,
            inputs,
            shape: shape.to_vec(),
            memory: Arc::clone(memory),
        }))
    }
}

impl Op for FusedOp {
    fn name(&self) -> StaticName {
        let name = match self.0.work {
            Work::Product(..) => "FusedProduct",
            Work::Windows(..) => "FusedConvolution",
            Work::Depthwise(..) => "FusedDepthwise",
            Work::MaxPool => "FusedMaxPool",
            Work::Double => "FusedDouble",
            Work::Mean => "FusedMean",
            Work::Sigmoid => "FusedSigmoid",
            Work::Concat => "FusedConcat",
            Work::Add => "FusedAdd",
            Work::Result => "FusedResult",
        };
        name.into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(vec![format!("kernels: {}", self.0.kernels.set())])
    }

    op_as_typed_op!();
}

impl TypedOp for FusedOp {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        match self.0.work {
            Work::Result => Ok(tvec!(f32::fact(&self.0.shape))),
            _ => Ok(tvec!(f32::fact([piece(self.0.count())]))),
        }
    }

    as_op!();
}

impl EvalOp for FusedOp {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let count = self.0.count();
        let mut output = match self.0.work {
            Work::Result => self.0.memory.take(&self.0.shape),
            _ => self.0.memory.take(&[piece(count)]),
        }?;
        let Some(tensor) = Arc::get_mut(&mut output) else {
            bail!("memory for an output is in use");
        };
        let mut view = tensor.try_as_plain_ram_mut()?;
        let Some(out) = view.as_slice_mut::<f32>()?.get_mut(..count) else {
            bail!("memory for an output is too small");
        };
        self.0.run(&inputs, out)?;
        self.0.memory.keep(&output);
        Ok(tvec!(output.into_tvalue()))
    }
}

impl Inner {
    /// Floats of the output.
    fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The floats of an input that count.
    fn input<'a>(&self, inputs: &'a [TValue], index: usize) -> TractResult<&'a [f32]> {
        let (Some(value), Some(dims)) = (inputs.get(index), self.inputs.get(index)) else {
            bail!("an operator without input {index}");
        };
        let values = value.try_as_plain_ram()?.as_slice::<f32>()?;
        let Some(values) = values.get(..dims.iter().product()) else {
            bail!("input {index} is too small");
        };
        Ok(values)
    }

    /// The second input and its channels, if there is one.
    fn residual<'a>(&self, inputs: &'a [TValue]) -> TractResult<Option<(&'a [f32], usize)>> {
        let Some(dims) = self.inputs.get(1) else {
            return Ok(None);
        };
        let channels = dims.last().copied().unwrap_or_default();
        Ok(Some((self.input(inputs, 1)?, channels)))
    }

    /// The size of the first input, an image.
    fn from(&self) -> TractResult<Plane> {
        plane(self.inputs.first().map_or(&[], Vec::as_slice))
    }

    fn run(&self, inputs: &[TValue], out: &mut [f32]) -> TractResult<()> {
        let x = self.input(inputs, 0)?;
        match &self.work {
            Work::Product(weights, after) => {
                let residual = self.residual(inputs)?;
                let product = Product {
                    rows_of: x,
                    rows: out.len() / weights.columns().max(1),
                    depth: weights.depth(),
                    weights,
                };
                self.kernels
                    .multiply(&product, &after.epilogue(residual), out)?;
            }
            Work::Windows(window, weights, after) => {
                let (from, residual) = (self.from()?, self.residual(inputs)?);
                self.run_windows(x, from, *window, weights, after, residual, out)?;
            }
            Work::Depthwise(window, weights, after) => {
                let work = Depthwise {
                    window: *window,
                    input: x,
                    from: self.from()?,
                    to: plane(&self.shape)?,
                    weights,
                };
                self.kernels
                    .convolve_depthwise(&work, &after.epilogue(None), out)?;
            }
            Work::MaxPool => pool::max_2x2(x, self.from()?, out),
            Work::Double => pool::double(x, self.from()?, out),
            Work::Mean => pool::mean(x, out),
            Work::Sigmoid => pool::sigmoid(x, out),
            Work::Add => pool::add(x, self.input(inputs, 1)?, out),
            Work::Result => out.copy_from_slice(x),
            Work::Concat => {
                let mut rest = out;
                for index in 0..inputs.len() {
                    let values = self.input(inputs, index)?;
                    ensure!(values.len() <= rest.len(), "inputs larger than the output");
                    let (target, after) = rest.split_at_mut(values.len());
                    target.copy_from_slice(values);
                    rest = after;
                }
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one operator")]
    fn run_windows(
        &self,
        x: &[f32],
        from: Plane,
        window: Window,
        weights: &Packed,
        after: &After,
        residual: Option<(&[f32], usize)>,
        out: &mut [f32],
    ) -> TractResult<()> {
        let to = plane(&self.shape)?;
        let line = to.width * weights.columns();
        let mut windows = WINDOWS.take();
        windows.resize(to.width * weights.depth(), 0.0);
        for (row, target) in out.chunks_exact_mut(line.max(1)).enumerate() {
            pool::windows_of_row(x, from, window, row, &mut windows);
            let product = Product {
                rows_of: &windows,
                rows: to.width,
                depth: weights.depth(),
                weights,
            };
            let residual = residual.map(|(values, channels)| {
                let line = to.width * channels;
                (values.get(row * line..).unwrap_or_default(), channels)
            });
            self.kernels
                .multiply(&product, &after.epilogue(residual), target)?;
        }
        WINDOWS.set(windows);
        Ok(())
    }
}

fn plane(shape: &[usize]) -> TractResult<Plane> {
    match *shape {
        [1, height, width, channels] => Ok(Plane {
            height,
            width,
            channels,
        }),
        _ => bail!("expected [1, height, width, channels], found {shape:?}"),
    }
}
