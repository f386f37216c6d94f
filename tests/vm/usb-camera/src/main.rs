//! A USB webcam in user space, for machines without one: the kernel's real `uvcvideo` driver binds
//! to it, through the virtual host controller `vhci-hcd`, and gives it a real `/dev/video*`.
//!
//! Neighbours: `tests/vm/guest/checks.py` runs it in the virtual machine and gives it orders.
//! It must never be needed by the product, and shares no code with it: a test that decodes its
//! pictures with the code under test would prove nothing.

mod bench;
mod command;
mod control;
mod decode;
mod descriptors;
mod device;
mod picture;
mod port;
mod usbip;

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use bench::Bench;
use decode::Decoded;

const USAGE: &str = "\
usb-camera serve SOCKET              take orders on a new Unix socket
usb-camera tell SOCKET ORDER         give one order, print its answer
usb-camera decode FILE [X,Y …]       decode a JPEG strictly; print its size, the camera's drawn
                                     counter, and the colours at places in fractions of the picture

orders: plug PORT SERIAL NAME…   unplug PORT   status PORT
        fault PORT none|NAME (none, freeze, truncate, …: see command.rs)";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve", socket] => Bench::default().serve(Path::new(socket)).map_err(text),
        ["tell", socket, order @ ..] => tell(socket, &order.join(" ")),
        ["decode", file, places @ ..] => decode(file, places),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn text(error: io::Error) -> String {
    error.to_string()
}

fn tell(socket: &str, order: &str) -> Result<(), String> {
    let mut stream = UnixStream::connect(socket).map_err(|error| format!("{socket}: {error}"))?;
    writeln!(stream, "{order}").map_err(text)?;
    let mut answer = String::new();
    BufReader::new(stream)
        .read_line(&mut answer)
        .map_err(text)?;
    print!("{answer}");
    if answer.starts_with("ok") {
        Ok(())
    } else {
        Err(format!("`{order}` was refused"))
    }
}

/// Prints one JSON line, for example
/// `{"width":640,"height":480,"counter":5,"scene":true,"colours":[[200,40,40]]}`.
fn decode(file: &str, places: &[&str]) -> Result<(), String> {
    let bytes = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let picture = Decoded::from_jpeg(&bytes).map_err(|error| format!("{file}: {error}"))?;
    let colours: Result<Vec<String>, String> = places
        .iter()
        .map(|place| {
            let numbers = place
                .split_once(',')
                .and_then(|(x, y)| Some((x.parse::<f64>().ok()?, y.parse::<f64>().ok()?)));
            let (x, y) = numbers.ok_or_else(|| format!("`{place}` is no X,Y"))?;
            Ok(format!("{:?}", picture.colour(x, y)))
        })
        .collect();
    let counter = picture
        .counter()
        .map_or("null".to_owned(), |counter| counter.to_string());
    println!(
        r#"{{"width":{},"height":{},"counter":{counter},"scene":{},"colours":[{}]}}"#,
        picture.width_px,
        picture.height_px,
        picture.shows_scene(),
        colours?.join(",")
    );
    Ok(())
}
