//! What one run moves: which transport, frames of which size, how many, how fast.
//!
//! It travels as arguments from the orchestrator to the writer's process and from there to the
//! reader's.

use anyhow::{Context, Result, bail};

/// One way to bring a frame from one process to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A copy within one process, one after the other, nothing else: the bound.
    MemcpyHot,
    /// The same copy at the pace of the frames, when caches and cores have rested between.
    MemcpyPaced,
    /// Wigwag's ring.
    Wigwag,
    /// iceoryx2: loan, send, event.
    Iceoryx2,
    /// A Unix stream socket.
    Socket,
    /// Python: `multiprocessing.Manager().list()` as a queue of numpy arrays.
    ManagerList,
    /// Python: `multiprocessing.Manager().dict()` with a numpy array and its number.
    ManagerDict,
    /// Python: `multiprocessing.Manager().list()` as a queue of plain bytes, not of images.
    ManagerBytes,
}

impl Transport {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::MemcpyHot,
        Self::MemcpyPaced,
        Self::Wigwag,
        Self::Iceoryx2,
        Self::Socket,
        Self::ManagerList,
        Self::ManagerDict,
        Self::ManagerBytes,
    ];

    /// Name on the command line and in the raw results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MemcpyHot => "memcpy",
            Self::MemcpyPaced => "memcpy-paced",
            Self::Wigwag => "wigwag",
            Self::Iceoryx2 => "iceoryx2",
            Self::Socket => "unix-socket",
            Self::ManagerList => "manager-list",
            Self::ManagerDict => "manager-dict",
            Self::ManagerBytes => "manager-bytes",
        }
    }

    /// Whether Python moves the frames.
    #[must_use]
    pub fn is_python(self) -> bool {
        matches!(
            self,
            Self::ManagerList | Self::ManagerDict | Self::ManagerBytes
        )
    }

    /// Whether numpy has to be there.
    #[must_use]
    pub fn needs_numpy(self) -> bool {
        matches!(self, Self::ManagerList | Self::ManagerDict)
    }

    fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|transport| transport.name() == name);
        found.with_context(|| format!("there is no transport named `{name}`"))
    }
}

/// Size of the frames, RGB, 8 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameSize {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
}

impl FrameSize {
    /// Bytes of one frame.
    #[must_use]
    pub fn len_bytes(self) -> usize {
        self.width_px as usize * self.height_px as usize * 3
    }
}

impl std::fmt::Display for FrameSize {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}x{}x3", self.width_px, self.height_px)
    }
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// How the frames travel.
    pub transport: Transport,
    /// Their size.
    pub size: FrameSize,
    /// Frames a second.
    pub fps: u64,
    /// How many.
    pub frames: u64,
}

impl Job {
    /// As arguments; [`Self::parse`] reads them.
    #[must_use]
    pub fn arguments(&self) -> [String; 5] {
        [
            self.transport.name().to_owned(),
            self.size.width_px.to_string(),
            self.size.height_px.to_string(),
            self.fps.to_string(),
            self.frames.to_string(),
        ]
    }

    /// From arguments.
    ///
    /// # Errors
    ///
    /// They are not those of [`Self::arguments`].
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let [transport, width_px, height_px, fps, frames] = arguments else {
            bail!("expected TRANSPORT WIDTH HEIGHT FPS FRAMES");
        };
        Ok(Self {
            transport: Transport::parse(transport)?,
            size: FrameSize {
                width_px: width_px.parse()?,
                height_px: height_px.parse()?,
            },
            fps: fps.parse()?,
            frames: frames.parse()?,
        })
    }

    /// Frames at the start that are not counted: caches, page tables and branch predictors settle.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        (self.frames / 5).min(64) as usize
    }
}
