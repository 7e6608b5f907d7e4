//! Unpredictable values: boot ids, the agent's stand-in key, jitter.

use std::fs::File;
use std::io::{self, Read};

/// 64 lower-case hex digits from the kernel's random source.
pub(crate) fn token() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A factor between 0.5 and 1.0 that keeps many waiting machines from calling at the same moment.
pub(crate) fn jitter() -> f64 {
    let mut byte = [0_u8; 1];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut byte));
    let [value] = byte;
    match read {
        Ok(()) => 0.5 + f64::from(value) / 512.0,
        Err(_) => 0.75,
    }
}
