//! Many clients share recognition.

use super::{pushed_box, pusher};
use std::sync::Mutex;
use std::time::Duration;
use wigwag_tests::client::wire::Message;
use wigwag_tests::demo;

/// Goal: ten clients at once share recognition.
/// Method: ten push as fast as they get answers; each gets predictions, and none more than its
/// share by far.
#[test]
fn ten_clients_share_recognition_fairly() {
    let names: Vec<String> = (0..10).map(|number| format!("phone{number}")).collect();
    let sources: Vec<&str> = names.iter().map(String::as_str).collect();
    let test_box = pushed_box("push_ten", &sources, 240);
    let jpeg = demo::frames()[180].clone();
    let counts = Mutex::new(vec![0_u32; names.len()]);
    std::thread::scope(|scope| {
        for (index, name) in names.iter().enumerate() {
            let (test_box, jpeg, counts) = (&test_box, &jpeg, &counts);
            scope.spawn(move || {
                let mut client = pusher(test_box, name);
                let mut own = 0;
                // Until every one has some.
                while counts.lock().unwrap().iter().any(|count| *count < 8) {
                    own += 1;
                    client.push_frame(own, jpeg).unwrap();
                    loop {
                        match client.message() {
                            Message::Accepted { .. } | Message::Refused { code: 40, .. } => break,
                            Message::PushedPrediction { .. } => {
                                counts.lock().unwrap()[index] += 1;
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                    std::thread::sleep(Duration::from_millis(30));
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(most <= &(least * 2), "{counts:?}");
    test_box.stop();
}
