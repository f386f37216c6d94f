//! Who may push: the one place that is asked.

use crate::gatekeeper::caller::Caller;
use crate::gatekeeper::denied::Denied;
use crate::hub::Hub;
use shm_layout::control::Permission;

/// Whether the client may push, to whatever source. Asked before anything of it is believed.
///
/// # Errors
///
/// [`Denied`] with what the client lacks.
pub fn may_push(hub: &Hub, caller: &Caller) -> Result<(), Denied> {
    hub.gatekeeper().check(caller, Permission::Push)
}
