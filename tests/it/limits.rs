//! What the kernel allows the processes of a box, and whom it ends first when memory runs out.

use std::path::Path;
use wigwag_tests::TestBox;

fn of_process(pid: u32, file: &str) -> String {
    let path = Path::new("/proc").join(pid.to_string()).join(file);
    std::fs::read_to_string(path).expect("the process runs")
}

/// Soft limit of open files.
fn files_allowed(pid: u32) -> u64 {
    let limits = of_process(pid, "limits");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let mut numbers = line.unwrap().split_whitespace().skip(3);
    numbers.next().unwrap().parse().unwrap()
}

/// Goal: the gateway may have as many files open as its clients need, as far as the hard limit
/// allows; where it does not, the log says how many clients fit.
/// Method: a low soft limit below a hard one that is enough, and one that is not.
#[test]
fn gateway_may_open_what_its_clients_need() {
    for (hard, allowed) in [(4096, 1064), (500, 500)] {
        let test_box = TestBox::builder("files")
            .source("pattern:")
            .config("[gateway]\nmax_clients = 1000")
            .under(&["prlimit", &format!("--nofile=200:{hard}")])
            .start();
        assert_eq!(files_allowed(test_box.pid("gateway")), allowed);
        let warning = "about 436 clients fit, `gateway.max_clients` is 1000";
        assert_eq!(test_box.log().contains(warning), hard == 500);
        test_box.stop();
    }
}

/// Goal: when memory runs out, the kernel ends an infer-worker first and the supervisor last.
/// Method: what the kernel adds to the badness of each.
#[test]
fn supervisor_is_the_last_that_memory_costs() {
    let test_box = TestBox::start("oom");
    let added = |pid| -> i32 { of_process(pid, "oom_score_adj").trim().parse().unwrap() };
    let units = ["infer/0", "gateway", "capture/pattern0"].map(|name| added(test_box.pid(name)));
    let supervisor = added(test_box.supervisor_pid());
    assert!(units.is_sorted_by(|a, b| a > b), "{units:?}");
    assert!(units.iter().all(|unit| *unit > supervisor), "{units:?}");
    test_box.stop();
}
