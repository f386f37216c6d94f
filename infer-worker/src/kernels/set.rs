//! Which instruction sets there are kernels for, and which of them this processor has.
//!
//! Neighbours: `kernels` turns an available set into a proof; the command line names one by hand.

use std::fmt;
use std::str::FromStr;

/// An instruction set that there are kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KernelSet {
    /// x86-64 with AVX-512F: 16 values at a time.
    Avx512,
    /// x86-64 with AVX2 and FMA: 8 values at a time.
    Avx2,
    /// 64-bit ARM: 4 values at a time.
    Neon,
    /// Any processor: plain Rust, which the compiler turns into what every machine of the target has.
    Scalar,
}

impl KernelSet {
    /// All sets, the fastest first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Scalar];

    /// Whether this processor has the instructions, and the operating system lets them be used.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => std::arch::is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                std::arch::is_x86_feature_detected!("avx2")
                    && std::arch::is_x86_feature_detected!("fma")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[allow(
                unreachable_patterns,
                reason = "which sets are left depends on the target"
            )]
            _ => false,
        }
    }

    /// Its name on the command line and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Scalar => "scalar",
        }
    }
}

impl fmt::Display for KernelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KernelSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|set| set.name() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("expected one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_found_by_its_name() {
        for set in KernelSet::ALL {
            assert_eq!(set.name().parse(), Ok(set));
        }
        assert!("mmx".parse::<KernelSet>().is_err());
        assert!(KernelSet::Scalar.is_available());
    }
}
