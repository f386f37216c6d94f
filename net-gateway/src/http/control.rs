//! `POST /api/v1/restart`, `POST /api/v1/reload` and `DELETE /api/v1/clients/{id}`: what a client may
//! do to the box that has the role for it.
//!
//! An order goes to the supervisor, which carries it out as its own verbs would; the answer says only
//! that it is on its way. How it goes on is in `/api/v1/status`.

use super::api::NO_STORE;
use super::error::ApiError;
use super::extract::Params;
use crate::client_record::Peer;
use crate::hub::Hub;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;
use shm_layout::control::{BoxOrder, BoxStatus};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// `?unit=NAME`: a unit as the status names it, or a kind of them.
#[derive(Debug, Deserialize)]
pub struct Which {
    unit: Option<String>,
}

/// Has a unit's process replaced, or those of a kind.
///
/// # Errors
///
/// 400 without a unit, 404 for one that there is not, 503 when too many orders wait or the status is
/// not known yet.
pub async fn restart(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<Peer>,
    Params(which): Params<Which>,
) -> Result<Response, ApiError> {
    let newest = hub.status().newest().ok_or_else(ApiError::no_status)?;
    let Some(unit) = which.unit else {
        let hint = format!(
            "use /api/v1/restart?unit=NAME with one of {}",
            names(newest.status())
        );
        return Err(ApiError::bad_request("no unit is named", &hint));
    };
    if !is_unit(newest.status(), &unit) {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            format!("there is no unit `{}`", unit.escape_debug()),
            format!("there are: {}", names(newest.status())),
        ));
    }
    order(&hub, &peer, BoxOrder::Restart { unit })
}

/// Has the configuration read again, and what changed in it applied.
///
/// # Errors
///
/// 503 when too many orders wait.
pub async fn reload(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<Peer>,
) -> Result<Response, ApiError> {
    order(&hub, &peer, BoxOrder::Reload)
}

/// Ends the connection of a client.
///
/// # Errors
///
/// 400 for what is no number, 404 when there is no such client.
pub async fn disconnect(
    State(hub): State<Arc<Hub>>,
    Extension(peer): Extension<Peer>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Response, ApiError> {
    let hint = "GET /api/v1/clients lists them";
    let Path(id) = id.map_err(|_| ApiError::bad_request("the client is no number", hint))?;
    if !hub.clients().end(id) {
        let error = format!("there is no client {id}");
        return Err(ApiError::new(StatusCode::NOT_FOUND, error, hint));
    }
    tracing::info!("client {id} was disconnected by {}", who(&peer));
    Ok(([NO_STORE], Json(json!({"disconnected": id}))).into_response())
}

fn order(hub: &Hub, peer: &Peer, order: BoxOrder) -> Result<Response, ApiError> {
    let answer = match &order {
        BoxOrder::Restart { unit } => json!({"accepted": "restart", "unit": unit}),
        BoxOrder::Reload => json!({"accepted": "reload"}),
    };
    tracing::info!("{} asked for {answer}", who(peer));
    if !hub.orders().put(order) {
        let refused = &hub.connections().orders_refused;
        refused.fetch_add(1, Ordering::Relaxed);
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many orders wait for the supervisor",
            "try again in a moment",
        ));
    }
    Ok((StatusCode::ACCEPTED, [NO_STORE], Json(answer)).into_response())
}

/// Who gave an order, for the log.
fn who(peer: &Peer) -> String {
    match peer.caller.name() {
        Some(name) => format!("`{name}` at {}", peer.address),
        None => format!("somebody at {}", peer.address),
    }
}

/// Whether a unit has that name, or is of that kind.
fn is_unit(status: &BoxStatus, name: &str) -> bool {
    let mut units = status.units.iter();
    units.any(|unit| unit.name == name || unit.name.split('/').next() == Some(name))
}

fn names(status: &BoxStatus) -> String {
    let names: Vec<&str> = status.units.iter().map(|unit| unit.name.as_str()).collect();
    names.join(", ")
}
