//! Can the certificate be used, and for how long?
//!
//! It is looked at through `net-gateway`, which reads the key. One that the box makes itself is made
//! at a start and renewed by itself, so that its end is no finding.

use super::Finding;
use super::finding::from_failure;
use crate::certificate;
use crate::config::Config;
use crate::instance::Instance;
use crate::siblings::Siblings;
use shm_layout::control::CertificateInfo;
use shm_layout::wall_us;

const DAY_S: u64 = 86_400;

/// A given certificate that ends within this time should have been replaced by whoever replaces it:
/// `certbot` does so 30 days before.
const SOON_S: u64 = 14 * DAY_S;

pub(super) fn look(siblings: &Siblings, config: &Config, instance: &Instance) -> Option<Finding> {
    let tls = &config.tls;
    if !tls.enabled {
        return None;
    }
    if tls.certificate.as_os_str().is_empty() && tls.key.as_os_str().is_empty() {
        let says = "the box makes its own, and renews it";
        return Some(Finding::ok("certificate", says));
    }
    match certificate::check(siblings, tls, instance) {
        Ok(info) => Some(judge(&info?, wall_us() / 1_000_000)),
        Err(failure) => Some(from_failure("certificate", &failure)),
    }
}

fn judge(info: &CertificateInfo, now_s: u64) -> Finding {
    let mend = "renew it; the box takes the changed files by itself";
    match info.expires_s.checked_sub(now_s) {
        // The box starts all the same.
        None => Finding::warn("certificate", "it has expired")
            .meaning("clients refuse the connection")
            .mend(mend),
        Some(left_s) if left_s < SOON_S => {
            let says = format!("it expires in {} days", left_s / DAY_S);
            Finding::warn("certificate", says)
                .meaning("clients will refuse the connection then")
                .mend(mend)
        }
        Some(left_s) => {
            let says = format!("good for {} days", left_s / DAY_S);
            Finding::ok("certificate", says)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn end_of_a_certificate_is_told_in_time() {
        let info = CertificateInfo {
            fingerprint: String::new(),
            expires_s: 100 * DAY_S,
        };
        for (day, level, says) in [
            (0, Level::Ok, "good for 100 days"),
            (86, Level::Ok, "good for 14 days"),
            (87, Level::Warn, "it expires in 13 days"),
            (100, Level::Warn, "it expires in 0 days"),
            (101, Level::Warn, "it has expired"),
        ] {
            let finding = judge(&info, day * DAY_S);
            assert_eq!((finding.level, finding.says.as_str()), (level, says));
        }
    }
}
