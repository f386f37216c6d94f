//! The keys of each table `[rtp.NAME]`, and what each may be.
//!
//! Neighbours: `keys` calls it for its tables, when the sources are known.

use super::document::Document;
use super::keys::{Options, named_tables};
use super::section::{Section, nearest, quoted};
use super::setting::Setting;
use super::source_keys::{PATTERN_FPS, SIDE_PX};
use super::{Config, ConfigError};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use toml::de::DeTable;

/// Bytes of the largest packet: the least that every network carries, to the largest of a local one.
const MTU: RangeInclusive<u16> = 576..=9_000;

/// One source that is sent as RTP.
#[derive(Debug, Clone, PartialEq)]
pub struct RtpOutput {
    /// What clients ask for.
    pub name: String,
    /// The source; empty = the first.
    pub source: String,
    /// Where to.
    pub address: SocketAddr,
    /// Address of the interface that it is sent from.
    pub interface: Option<IpAddr>,
    /// How many routers a packet may pass.
    pub ttl: u8,
    /// Most pictures a second; 0 = all.
    pub fps: f64,
    /// Largest IP packet, in bytes.
    pub mtu: u16,
    /// Largest width; 0 = as the source has it.
    pub width_px: u32,
    /// JPEG quality; 0 = as the source has it.
    pub quality: u8,
}

impl RtpOutput {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            source: String::new(),
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            interface: None,
            ttl: 1,
            fps: 0.0,
            mtu: 1_400,
            width_px: 0,
            quality: 0,
        }
    }
}

/// Reads the tables of all outputs.
pub(super) fn outputs(
    document: Option<&Document>,
    table: Option<&DeTable<'_>>,
    options: &Options,
    config: &mut Config,
    settings: &mut Vec<Setting>,
) -> Result<(), ConfigError> {
    let (Some(document), Some(table)) = (document, table) else {
        return Ok(());
    };
    for named in named_tables(document, "rtp", "output", table)? {
        let found = Some((document, named.table));
        let mut section = Section::new(&named.path, found, options, settings);
        let output = output(&mut section, named.name, config)?;
        section.finish()?;
        config.rtp.push(output);
    }
    Ok(())
}

fn output(
    section: &mut Section<'_>,
    name: &str,
    config: &Config,
) -> Result<RtpOutput, ConfigError> {
    let mut output = RtpOutput::new(name);
    section.text("source", "the name of a source", &mut output.source)?;
    check_source(section, &output.source, config)?;
    section.address("address", &mut output.address)?;
    let (ip, port) = (output.address.ip(), output.address.port());
    // RTCP has the port behind it.
    if ip.is_unspecified() || !(1..u16::MAX).contains(&port) {
        let is = format!(
            "is {}, expected where to send, with a port from 1 to 65534",
            output.address
        );
        let hint = "a receiver such as \"10.0.0.9:5004\", or a group such as \"239.1.2.3:5004\"";
        return Err(section.refuse("address", &is, Some(hint.to_owned())));
    }
    let mut interface = String::new();
    section.text("interface", "an address of this machine", &mut interface)?;
    output.interface = match interface.parse::<IpAddr>() {
        Ok(address) if address.is_ipv4() == ip.is_ipv4() => Some(address),
        Err(_) if interface.is_empty() => None,
        _ => {
            let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
            let is = format!(
                "is the text {}, expected an {family} address of this machine",
                quoted(&interface)
            );
            return Err(section.refuse("interface", &is, None));
        }
    };
    section.integer("ttl", 1..=255, &mut output.ttl)?;
    zero_or(
        section,
        "fps",
        &mut output.fps,
        PATTERN_FPS,
        |section, fps| section.float("fps", 0.0..=*PATTERN_FPS.end(), fps),
    )?;
    section.integer("mtu", MTU, &mut output.mtu)?;
    zero_or(
        section,
        "width_px",
        &mut output.width_px,
        SIDE_PX,
        |section, width| section.integer("width_px", 0..=*SIDE_PX.end(), width),
    )?;
    section.integer("quality", 0..=100, &mut output.quality)?;
    Ok(output)
}

/// Reads a value that is 0, or within a range that begins later.
fn zero_or<T>(
    section: &mut Section<'_>,
    key: &str,
    value: &mut T,
    range: RangeInclusive<T>,
    read: impl FnOnce(&mut Section<'_>, &mut T) -> Result<(), ConfigError>,
) -> Result<(), ConfigError>
where
    T: Default + PartialOrd + std::fmt::Display,
{
    read(section, value)?;
    if *value == T::default() || range.contains(value) {
        return Ok(());
    }
    let is = format!(
        "is {value}, expected 0 or {} to {}",
        range.start(),
        range.end()
    );
    Err(section.refuse(key, &is, Some("0 = as the source has it".to_owned())))
}

fn check_source(section: &Section<'_>, name: &str, config: &Config) -> Result<(), ConfigError> {
    let guests: Vec<_> = config.guests().collect();
    let all = config.sources.iter().chain(&guests);
    let known: Vec<&str> = all.map(|source| source.name.as_str()).collect();
    if name.is_empty() || known.contains(&name) {
        return Ok(());
    }
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => "leave it out for the first source, or add [sources.NAME]".to_owned(),
    };
    let is = format!("is {}, and there is no such source", quoted(name));
    Err(section.refuse("source", &is, Some(hint)))
}
