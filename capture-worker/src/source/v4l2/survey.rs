//! What is plugged in, and what would be opened: for `list-devices` and for planning a ring.
//!
//! Neighbours: [`crate::cli`] prints the list, [`crate::probe`] asks for the plan. Nothing here
//! starts a stream or changes a camera.

use super::error::CameraError;
use super::follow::DeviceSpec;
use super::identity::{self, Identity, Roots};
use super::mode::OfferedFormat;
use super::stream::Layout;
use super::{CameraRequest, choose, device, find, mode_of, open_node};
use crate::source::Mode;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// A camera as `list-devices` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedCamera {
    /// The node.
    pub path: PathBuf,
    /// The driver's name for the camera.
    pub name: String,
    /// The name to put into a config.
    pub stable_id: String,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_id: Option<String>,
    /// Where it is plugged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_path: Option<String>,
    /// Its serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Its driver.
    pub driver: String,
    /// The bus that the driver names.
    pub bus: String,
    /// Whether Wigwag can use it.
    pub usable: bool,
    /// What it offers.
    pub formats: Vec<OfferedFormat>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// All cameras, by number. Nodes that capture no video are left out; a camera that cannot be
/// opened is listed with the reason.
#[must_use]
pub fn list_cameras() -> Vec<ListedCamera> {
    let present = identity::list(&Roots::default());
    present
        .iter()
        .filter_map(|identity| list_one(identity, &present))
        .collect()
}

fn list_one(identity: &Identity, present: &[Identity]) -> Option<ListedCamera> {
    let mut listed = ListedCamera {
        path: identity.path.clone(),
        name: identity.name.clone(),
        stable_id: identity.stable_id(present),
        by_id: identity.by_id.clone(),
        by_path: identity.by_path.clone(),
        serial: identity.serial.clone(),
        driver: String::new(),
        bus: String::new(),
        usable: false,
        formats: Vec::new(),
        error: None,
    };
    match open_node(&identity.path, false) {
        Ok(node) => {
            if let Ok(caps) = node.caps() {
                (listed.driver, listed.bus) = (caps.driver, caps.bus);
            }
            listed.formats = device::offer(&node);
            listed.usable = listed.formats.iter().any(|format| format.usable);
        }
        Err(CameraError::NoCapture) => return None,
        Err(error) => listed.error = Some(error.at(&identity.path).to_string()),
    }
    Some(listed)
}

/// What a camera would be opened as, without starting it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCamera {
    /// Its mode.
    pub mode: Mode,
    /// Most bytes of a frame.
    pub frame_bytes_max: u64,
}

/// Finds the camera that `request` means and the mode it would run in.
///
/// # Errors
///
/// [`CameraError`] if there is none, or none of its formats will do.
pub fn plan(request: &CameraRequest) -> Result<PlannedCamera, CameraError> {
    let present = identity::list(&Roots::default());
    let (identity, layout) = find(request, &present, None, Duration::ZERO, |identity| {
        let node = open_node(&identity.path, request.device == DeviceSpec::Auto)?;
        let chosen = choose(&device::offer(&node), request.wanted)?;
        let settled = node
            .try_format(chosen.fourcc, (chosen.width_px, chosen.height_px))
            .map_err(|source| CameraError::from_step("trying the format", source))?;
        Layout::check(settled, chosen).map_err(CameraError::Refused)
    })?;
    Ok(PlannedCamera {
        mode: mode_of(layout, identity, &present),
        frame_bytes_max: layout.image_bytes,
    })
}
