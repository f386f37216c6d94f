//! What the handlers take out of a request, with refusals as JSON like every other.

use super::error::ApiError;
use crate::hub::Hub;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The source that the path names.
#[derive(Debug)]
pub struct PathSource {
    /// Its place in the config.
    pub index: usize,
    /// Its name.
    pub name: String,
}

impl FromRequestParts<Arc<Hub>> for PathSource {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, ApiError> {
        let PathName(name) = PathName::from_request_parts(parts, hub).await?;
        Ok(Self {
            index: find_source(hub, &name)?,
            name,
        })
    }
}

/// The name in the path, whatever it names.
#[derive(Debug)]
pub struct PathName(pub String);

impl FromRequestParts<Arc<Hub>> for PathName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, ApiError> {
        let named = Path::<String>::from_request_parts(parts, hub).await;
        let hint = "percent-encode the name as UTF-8";
        let Path(name) =
            named.map_err(|rejection| ApiError::bad_request(&rejection.body_text(), hint))?;
        Ok(Self(name))
    }
}

/// The query, as the handler wants it.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Hub>> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, hub).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let hint = "write the query as name=value&name=value";
                Err(ApiError::bad_request(&rejection.body_text(), hint))
            }
        }
    }
}

/// Place of the source of that name.
///
/// # Errors
///
/// 404 that lists the names there are.
pub fn find_source(hub: &Hub, name: &str) -> Result<usize, ApiError> {
    hub.find_source(name).ok_or_else(|| {
        ApiError::unknown_source(name, hub.sources().iter().map(|source| source.name()))
    })
}
