//! How a player finds a stream: its description. Pure. Source: RFC 8866.

use super::packets::{CLOCK_HZ, PAYLOAD_TYPE};
use shm_layout::control::RtpAssignment;
use std::fmt::Write;
use std::net::IpAddr;

/// Media type of the description.
pub const CONTENT_TYPE: &str = "application/sdp";

/// The description of `output`, which shows the source of that name.
#[must_use]
pub fn describe(output: &RtpAssignment, source: &str) -> String {
    let (ip, port) = (output.address.ip(), output.address.port());
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    // A group of IPv4 has its time to live behind it.
    let reach = match ip {
        IpAddr::V4(group) if group.is_multicast() => format!("/{}", output.ttl),
        _ => String::new(),
    };
    let mut text = format!(
        "v=0\r\no=- {id} {id} IN {family} {ip}\r\ns=Wigwag {source}\r\nc=IN {family} {ip}{reach}\r\n\
         t=0 0\r\nm=video {port} RTP/AVP {PAYLOAD_TYPE}\r\n\
         a=rtpmap:{PAYLOAD_TYPE} JPEG/{CLOCK_HZ}\r\n",
        id = u32::from(port),
    );
    if output.fps > 0.0 {
        // Writing to a String does not fail.
        let _written = write!(text, "a=framerate:{}\r\n", output.fps);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(address: &str, fps: f64) -> RtpAssignment {
        RtpAssignment {
            name: "wall".to_owned(),
            source: 0,
            address: address.parse().unwrap(),
            interface: None,
            ttl: 4,
            fps,
            mtu: 1400,
            width_px: None,
            quality: None,
        }
    }

    #[test]
    fn group_and_receiver_are_described() {
        assert_eq!(
            describe(&output("239.1.2.3:5004", 12.5), "cam0"),
            "v=0\r\no=- 5004 5004 IN IP4 239.1.2.3\r\ns=Wigwag cam0\r\nc=IN IP4 239.1.2.3/4\r\n\
             t=0 0\r\nm=video 5004 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\na=framerate:12.5\r\n"
        );
        let one = describe(&output("10.0.0.9:6000", 0.0), "cam0");
        assert!(one.contains("c=IN IP4 10.0.0.9\r\n") && one.ends_with("JPEG/90000\r\n"));
        let group = describe(&output("[ff02::1]:5004", 0.0), "cam0");
        assert!(group.contains("c=IN IP6 ff02::1\r\n"), "{group}");
    }
}
