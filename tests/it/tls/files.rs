//! The files of a certificate: changed while the box runs, damaged, mended, named anew, unusable.

use super::{OWN, own_files, port, see_a_new_frame, watch};
use crate::clients::run;
use crate::reload::{reload, text};
use shm_layout::control::BoxState;
use std::path::{Path, PathBuf};
use std::process::Command;
use wigwag_tests::client::tls;
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, binaries, wait};

/// Makes a certificate for localhost beside `folder/name.key`.
fn make(folder: &Path, name: &str) -> [PathBuf; 2] {
    let files = ["pem", "key"].map(|end| folder.join(format!("{name}.{end}")));
    let output = Command::new(binaries::path("net-gateway"))
        .args(["certificate", "--make-for", "localhost", "--certificate"])
        .arg(&files[0])
        .arg("--key")
        .arg(&files[1])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    files
}

/// A box whose certificate lies in its folder.
fn box_with_given(name: &str) -> (TestBox, [PathBuf; 2]) {
    let builder = TestBox::builder(name);
    let files = make(builder.scratch(), "given");
    let config = "certificate = \"given.pem\"\nkey = \"given.key\"";
    (builder.config(&format!("{OWN}\n{config}")).start(), files)
}

/// Goal: whoever renews certificates replaces two files and does nothing else; a replacement that
/// cannot be used hurts nobody, and who asks is told why.
/// Method: a stream over all of it; other files, then damaged ones, then another certificate's key.
#[test]
fn changed_certificate_is_taken_by_new_connections_and_a_bad_one_is_not() {
    let (test_box, [certificate, key]) = box_with_given("tls_changed");
    let (first, gateway) = (
        tls::fingerprint_at(&test_box.http()),
        test_box.pid("gateway"),
    );
    let viewer = watch(&test_box);
    let others = make(&test_box.scratch(), "others");
    std::fs::rename(&others[0], &certificate).unwrap();
    std::fs::rename(&others[1], &key).unwrap();
    let second = wait::until("another certificate is shown", || {
        let shown = tls::fingerprint_at(&test_box.http());
        (shown != first).then_some(shown)
    });
    test_box.await_status("the status tells it", |status| {
        (status.tls.as_ref()?.fingerprint == second).then_some(())
    });
    see_a_new_frame(&test_box, &viewer);

    let good = std::fs::read(&key).unwrap();
    let third = make(&test_box.scratch(), "third");
    let strange = std::fs::read(&third[1]).unwrap();
    for (bytes, why) in [
        (b"no key".to_vec(), "has no private key"),
        (strange, "does not belong to the certificate"),
    ] {
        std::fs::write(&key, bytes).unwrap();
        let output = test_box.run(&["reload"]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("error: ") && said.contains(why), "{said}");
        assert!(said.contains("hint: "), "{said}");
        test_box.await_log("the changed certificate is not taken");
        assert_eq!(tls::fingerprint_at(&test_box.http()), second);
    }
    std::fs::write(&key, good).unwrap();
    let output = test_box.run(&["reload"]);
    assert!(output.status.success(), "{output:?}");
    see_a_new_frame(&test_box, &viewer);
    assert_eq!(test_box.pid("gateway"), gateway, "nothing was restarted");
    test_box.stop();
}

/// Goal: a gateway that has to start while its certificate cannot be used serves what goes without
/// one, people are told, and clients are back as soon as the files are mended.
/// Method: with a damaged key, a successor does not take over from a gateway that has the certificate;
/// after that one was killed, the next one is ready, a proxy at the Unix socket is served, who comes
/// with TLS is not, and status, health and plain HTTP say so; with the key back, nobody restarts
/// anything.
#[test]
fn gateway_without_its_certificate_serves_what_it_can_and_takes_it_when_it_is_mended() {
    let builder = TestBox::builder("tls_locked");
    let [_, key] = make(builder.scratch(), "given");
    let socket = builder.scratch().join("http.sock");
    let config = format!(
        "certificate = \"given.pem\"\nkey = \"given.key\"\n[gateway]\nhttp_unix = \"{}\"",
        socket.display()
    );
    let test_box = builder.config(&format!("{OWN}\n{config}")).start();
    let (fingerprint, before) = (
        tls::fingerprint_at(&test_box.http()),
        test_box.unit("gateway"),
    );
    let good = std::fs::read(&key).unwrap();
    std::fs::write(&key, "no key").unwrap();
    test_box.await_status("the status says what is wrong", |status| {
        let told = &status.tls_problem.as_ref()?.problem;
        (told.contains("has no private key") && status.tls.is_some()).then_some(())
    });
    assert_eq!(test_box.status().state, BoxState::Ready, "it serves on");
    assert!(!test_box.run(&["restart", "gateway"]).status.success());
    assert_eq!(tls::fingerprint_at(&test_box.http()), fingerprint);

    signal(before.pid.unwrap(), "KILL");
    let locked = test_box.await_successor("gateway", before.generation);
    test_box.await_status("the box is degraded for want of a certificate", |status| {
        let is_locked = status.tls.is_none() && status.tls_problem.is_some();
        (is_locked && status.state == BoxState::Degraded).then_some(())
    });
    let told = text(&test_box.run(&["status"]));
    assert!(
        told.contains("has no private key") && told.contains("hint: "),
        "{told}"
    );
    let path = socket.to_str().unwrap();
    let arguments = ["-sS", "--unix-socket", path, "http://localhost/readyz"];
    let reasons = text(&run("curl", "curl", &arguments));
    assert!(reasons.contains("no certificate"), "{reasons}");
    assert!(tls::connect(&test_box.http()).is_err());
    let plain = test_box.http_get("/");
    assert_eq!(plain.status, 503);

    std::fs::write(&key, good).unwrap();
    test_box.await_ready();
    assert_eq!(tls::fingerprint_at(&test_box.http()), fingerprint);
    assert_eq!(test_box.pid("gateway"), locked.pid.unwrap());
    test_box.stop();
}

/// Goal: TLS is turned on, and the box gets a further name, without a stop.
/// Method: by reload; then curl needs to ignore nothing, and what needs no login on this machine is
/// there by the new name as by the address.
#[test]
fn reload_turns_tls_on_and_adds_a_name() {
    const OFF: &str = "[sources.cam]\ntype = \"pattern\"\n[infer]\nworkers = 1\n";
    let test_box = TestBox::builder("tls_reload").config(OFF).start();
    let before = test_box.http_get("/healthz");
    assert_eq!(before.status, 200);
    let told = reload(&test_box, OWN);
    assert!(told.contains("replaced (tls.enabled)"), "{told}");
    let first = tls::fingerprint_at(&test_box.http());
    let told = reload(&test_box, &format!("{OWN}\nnames = [\"cams.example\"]"));
    assert!(told.contains("replaced (tls.names)"), "{told}");
    wait::until_true("the certificate with the name is shown", || {
        tls::fingerprint_at(&test_box.http()) != first
    });
    let [certificate, _] = own_files(&test_box);
    let port = port(&test_box.http()).to_owned();
    let connect_to = format!("cams.example:{port}:127.0.0.1:{port}");
    let url = format!("https://cams.example:{port}/api/v1/session");
    let root = certificate.to_str().unwrap();
    let arguments = ["-sS", "--cacert", root, "--connect-to", &connect_to, &url];
    let session = text(&run("curl", "curl", &arguments));
    assert!(session.contains("\"watch\""), "{session}");
    test_box.stop();
}

/// Goal: a box that cannot have its certificate does not start, and says what to do.
#[test]
fn start_without_a_usable_certificate_is_refused() {
    for (keys, error) in [
        (
            "certificate = \"none.pem\"\nkey = \"a.key\"",
            "cannot read `",
        ),
        (
            "certificate = \"a.pem\"\nkey = \"b.key\"",
            "b.key` does not belong to the certificate `",
        ),
        (
            "certificate = \"a.pem\"",
            "a.pem` has no private key without a passphrase in PEM form",
        ),
        (
            "certificate = \"a.key\"\nkey = \"a.key\"",
            "a.key` has no certificate in PEM form",
        ),
        (
            "key = \"a.key\"",
            "`tls.key` is given without `tls.certificate`",
        ),
    ] {
        let builder = TestBox::builder("tls_refused").config(&format!("{OWN}\n{keys}"));
        make(builder.scratch(), "a");
        make(builder.scratch(), "b");
        let test_box = builder.build();
        test_box.spawn();
        assert_eq!(test_box.await_end().code(), Some(78), "{keys}");
        let log = test_box.log();
        assert!(log.contains("error: ") && log.contains(error), "{log}");
        assert!(log.contains("hint: "), "{log}");
        test_box.assert_nothing_left();
    }
}
