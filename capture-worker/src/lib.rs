//! capture-worker
