//! Infer-workers of a box keep one copy of the weights.

use std::fs;
use wigwag_tests::TestBox;
use wigwag_tests::process::signal;

/// Fewest bytes that two workers must share: the weights of the profile `full` are 15 MB.
const SHARED_BYTES_MIN: u64 = 12_000_000;

/// Bytes of the shared weights in a process's memory that others map too.
fn shared(pid: u32) -> u64 {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let mut is_weights = false;
    let mut kib = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if !first.ends_with(':') {
            is_weights = line.contains("memfd:wigwag-weights");
            assert!(
                !is_weights || line.contains(" r--s "),
                "only to be read: {line}"
            );
        } else if is_weights && matches!(first, "Shared_Clean:" | "Shared_Dirty:") {
            kib += words.next().unwrap().parse::<u64>().unwrap();
        }
    }
    kib * 1024
}

/// Goal: a second worker does not take the memory of the weights again, nor does a successor.
/// Method: two workers of a box; the pages of the file with the weights that each has in common with
/// others; once more with the successor of one that was killed.
#[test]
fn workers_share_their_weights() {
    let test_box = TestBox::builder("weights")
        .config("[infer]\nworkers = 2\n[sources.demo]\ntype = \"clip\"\n")
        .start();
    for unit in ["infer/0", "infer/1"] {
        let bytes = shared(test_box.pid(unit));
        assert!(bytes >= SHARED_BYTES_MIN, "{bytes} bytes of {unit}");
    }
    let killed = test_box.unit("infer/0");
    signal(killed.pid.unwrap(), "KILL");
    let successor = test_box.await_successor("infer/0", killed.generation);
    let bytes = shared(successor.pid.unwrap());
    assert!(bytes >= SHARED_BYTES_MIN, "{bytes} bytes of the successor");
    test_box.stop();
}
