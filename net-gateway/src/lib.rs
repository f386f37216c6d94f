//! net-gateway
