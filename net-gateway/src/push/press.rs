//! Frames of clients into the rings: the one place of the gateway that publishes.
//!
//! Upstream: the orders of [`super::desk`]. Downstream: the ring of each source that a client has;
//! the press is the publisher of no other. It runs on the clients' thread between their turns: what
//! it does per frame is one copy. When it is dropped, every source is free for the next gateway,
//! and dying does the same.

use super::desk::{GoodFrame, OpenFault, Order, Orders};
use shm_layout::ring::Publisher;
use shm_layout::segment::ClaimError;
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat, Segment, wall_us};
use std::collections::BTreeMap;

/// Least distance between the capture times of two frames.
const STEP_NS: u64 = 1_000;

/// The publishing ends of the sources that clients have.
#[derive(Debug)]
pub struct Press<'s> {
    segment: &'s Segment,
    orders: Orders,
    open: BTreeMap<usize, Plate<'s>>,
}

/// One source that is open.
#[derive(Debug)]
struct Plate<'s> {
    publisher: Publisher<'s>,
    last_capture: MonotonicNs,
}

impl<'s> Press<'s> {
    /// A press that carries out `orders` in `segment`.
    #[must_use]
    pub fn new(segment: &'s Segment, orders: Orders) -> Self {
        Self {
            segment,
            orders,
            open: BTreeMap::new(),
        }
    }

    /// Waits for an order and carries it out. Dropping the future loses nothing.
    pub async fn turn(&mut self) {
        match self.orders.0.recv().await {
            Some(order) => self.obey(order),
            // The desk is gone, which ends the gateway.
            None => std::future::pending().await,
        }
    }

    /// Whoever gave an order may have gone; then nobody wants the answer.
    fn obey(&mut self, order: Order) {
        match order {
            Order::Open(source, answer) => drop(answer.send(self.open(source))),
            Order::Print(source, frame, answer) => drop(answer.send(self.print(source, &frame))),
            Order::Close(source) => drop(self.open.remove(&source)),
        }
    }

    fn open(&mut self, source: usize) -> Result<(), OpenFault> {
        if self.open.contains_key(&source) {
            return Ok(());
        }
        let publisher = self.segment.claim_publisher(source);
        let publisher = publisher.map_err(|error| match error {
            ClaimError::Held(_) => OpenFault::Held,
            error => OpenFault::Broken(error.to_string()),
        })?;
        let last_capture = MonotonicNs(0);
        let plate = Plate {
            publisher,
            last_capture,
        };
        self.open.insert(source, plate);
        Ok(())
    }

    fn print(&mut self, source: usize, frame: &GoodFrame) -> Option<u64> {
        let plate = self.open.get_mut(&source)?;
        let mut writer = plate.publisher.claim()?;
        let len_bytes = frame.jpeg.len();
        writer
            .payload()
            .get_mut(..len_bytes)?
            .copy_from_slice(&frame.jpeg);
        let after = plate.last_capture.0.saturating_add(STEP_NS);
        let capture = MonotonicNs(frame.arrived.0.max(after));
        let age_us = MonotonicNs::now().since(capture).as_micros() as u64;
        let [width_px, height_px] = frame.sides;
        let meta = FrameMeta {
            format: PixelFormat::Mjpeg,
            width_px,
            height_px,
            stride_bytes: 0,
            capture,
            capture_wall_us: wall_us().saturating_sub(age_us),
            driver_sequence: frame.number,
        };
        let sequence = writer.publish(&meta, len_bytes);
        let sequence = sequence.inspect_err(|error| tracing::warn!("a pushed frame: {error}"));
        plate.last_capture = capture;
        Some(sequence.ok()?.0)
    }
}
