//! Is the kernel one that Wigwag is tested on?

use super::Finding;

/// Oldest kernel that Wigwag is meant for: that of Debian 11.
const OLDEST: (u32, u32) = (5, 10);

pub(super) fn look() -> Finding {
    check(&std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default())
}

fn check(release: &str) -> Finding {
    let release = release.trim();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST => {
            Finding::ok("kernel", format!("Linux {release}"))
        }
        _ => Finding::warn("kernel", format!("Linux {release}"))
            .meaning("Wigwag is not tested on it")
            .mend(format!("use Linux {}.{} or newer", OLDEST.0, OLDEST.1)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        for release in ["5.10.0-9-amd64\n", "6.1.0", "10.0-rc1"] {
            assert_eq!(check(release).level, Level::Ok, "{release}");
        }
        for release in ["5.9.16", "4.19.0", "", "x.y"] {
            assert_eq!(check(release).level, Level::Warn, "{release}");
        }
    }
}
