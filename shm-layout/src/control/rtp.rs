//! The work of the gateway for one RTP output; see [`super::GatewayAssignment`].

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// One source as RTP, to one receiver or a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RtpAssignment {
    /// Its name in the config.
    pub name: String,
    /// The source's ring.
    pub source: usize,
    /// Where to; RTCP goes to the next port.
    pub address: SocketAddr,
    /// Address of the interface that it is sent from; `None`: the kernel's choice.
    pub interface: Option<IpAddr>,
    /// How many routers a packet may pass, 1..=255.
    pub ttl: u8,
    /// Most pictures a second; 0 = all.
    pub fps: f64,
    /// Largest IP packet, bytes.
    pub mtu: u16,
    /// Largest width, pixels; `None`: as the source has it.
    pub width_px: Option<u32>,
    /// JPEG quality; `None`: as the source has it.
    pub quality: Option<u8>,
}
